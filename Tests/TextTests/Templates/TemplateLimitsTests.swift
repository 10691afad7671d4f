import JSON
import Testing

@testable import Text

/// Templates that try to take all time, memory or stack.
@Suite struct TemplateLimitsTests {
    private func outcome(_ source: String, _ variables: JSONObject = [:], limits: ChatTemplate.Limits = .default) -> TemplateError? {
        do {
            _ = try ChatTemplate(source: source).render(variables, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 99999999999 }}",
        "{{ [0] * 99999999999 }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(5000) %}{% set ns.l = ns.l|map('string') %}{% endfor %}{{ ns.l|list }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ '%99999999999d' % 1 }}", "{{ '{:99999999999}'.format(1) }}", "{{ 'x'|center(99999999999) }}", "{{ 'x'.zfill(9999999999) }}",
        "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}", "{{ 'x'|indent(99999999999, true) }}",
        "{{ [1]|batch(99999999999, 0)|list }}", "{{ ('\\t' * 100).expandtabs(999999999) }}",
        "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
        "{{ [1]|tojson(indent=99999999999) }}",
        "{% for i in range(100000) %}{{ 'a' * 100000 }}{% endfor %}",
    ])
    func hostileTemplatesEndWithAnError(_ source: String) {
        var limits = ChatTemplate.Limits.default
        limits.steps = 200_000
        limits.allocatedBytes = 32 << 20
        #expect(outcome(source, limits: limits)?.kind == .limit, "\(source.prefix(100))")
    }

    @Test(arguments: [("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("{1:", "}"), ("x(", ")"), ("x[", "]"), ("1 if 1 else ", "")])
    func deepExpressionsAreRefused(_ open: String, _ close: String) {
        let source = "{{ " + String(repeating: open, count: 5_000) + "1" + String(repeating: close, count: 5_000) + " }}"
        #expect(outcome(source)?.kind == .limit)
    }

    @Test func deepBlocksAreRefused() {
        let source = String(repeating: "{% if 1 %}", count: 5_000) + String(repeating: "{% endif %}", count: 5_000)
        #expect(outcome(source)?.kind == .limit)
    }

    @Test func longChainsAreFine() throws {
        let sum = "{{ " + Array(repeating: "1", count: 5_000).joined(separator: " + ") + " }}"
        #expect(try ChatTemplate(source: sum).render([:]) == "5000")
        let filters = "{{ 'a'" + String(repeating: "|upper", count: 5_000) + " }}"
        #expect(try ChatTemplate(source: filters).render([:]) == "A")
    }

    @Test func chainsOfClosuresAreTakenApart() {
        let source = """
            {% set ns = namespace(m=none) %}{% macro make() %}{% set previous = ns.m %}{% macro inner() %}{{ previous }}{% endmacro %}\
            {% set ns.m = inner %}{% endmacro %}{% for i in range(20000) %}{% set x = make() %}{% endfor %}
            """
        #expect(outcome(source) == nil)
        let namespaces = "{% set ns = namespace() %}{% for i in range(20000) %}{% set ns.next = namespace(next=ns.next) %}{% endfor %}"
        #expect(outcome(namespaces) == nil)
    }

    @Test func limitsCanBeTightened() {
        var limits = ChatTemplate.Limits.default
        limits.steps = 100
        #expect(outcome("{% for i in range(1000) %}{% endfor %}", limits: limits)?.kind == .limit)
        limits = .default
        limits.stringBytes = 10
        #expect(outcome("{{ 'a' * 11 }}", limits: limits)?.kind == .limit)
        #expect(outcome("{{ 'a' * 10 }}", limits: limits) == nil)
    }

    @Test func errorsSayWhere() {
        #expect(outcome("a\n\n{{ x.y.z }}")?.description == "chat template, line 3: 'x' is undefined")
        #expect(outcome("\n{% if %}")?.line == 2)
        #expect(outcome("{{ raise_exception('no') }}")?.message == "no")
    }
}
