import Text

extension FuzzTarget {
    /// Chat templates: parsed, and rendered with a conversation under tight limits.
    static let template = FuzzTarget(
        name: "template",
        words: [
            "{% for m in messages %}", "{% endfor %}", "{% if ", "{% elif ", "{% else %}", "{% endif %}", "{% set x = ",
            "{% set ns = namespace(i=0) %}",
            "{% macro f(a, b=1) %}", "{% endmacro %}", "{{ ", " }}", " %}", "{#", "#}", "{%- ", " -%}", "loop.index", "loop.previtem",
            "messages[::-1]",
            "m.content", "m['role']", " | tojson", " | trim", " | join(', ')", " | map(attribute='role') | list", " is defined",
            " is string", " in ",
            " not ",
            "range(9999999)", "'x' * 9999999", "raise_exception('no')", "strftime_now('%d %b %Y')", "{% raw %}", "{% endraw %}",
            "{% call f() %}",
            "{% break %}",
        ],
        seeds: {
            [
                "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}\n{{ message['content'] | trim }}{% endfor %}",
                "{%- set ns = namespace(found=false) -%}{%- for m in messages[::-1] if m.role != 'system' -%}"
                    + "{{ loop.index0 ~ m.role | upper }}{%- endfor -%}",
                "{% macro f(a, b=2) %}{{ a * b }}{% endmacro %}{{ f(3) }}{{ l[1:] | sort | join('-') }}{{ tools | tojson(indent=2) }}",
                "{% if tools is defined and tools | length > 0 %}{{ tools[0].function.name }}{% else %}"
                    + "{{ raise_exception('none') }}{% endif %}",
            ].map { Array($0.utf8) }
        },
        run: {
            TemplateFuzzing.run($0)
            return true
        })
}
