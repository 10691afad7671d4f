import JSON
import Models
import Planning
import Plans

/// Small valid scenarios and plans to mutate.
enum SamplePlans {
    static let scenarios: [JSON] = [
        """
        {"version": 1, "name": "n", "note": "", "hardware": {"machines": [
        {"name": "a", "count": 2, "memory": {"capacity": "32GiB", "reserved": 0}, "cpu": "EPYC 7742",
        "devices": ["T4", {"name": "own", "memory": {"capacity": "8GiB", "bandwidth": "300GB/s"}, "operations": {"f16": "30TFLOP/s"},
        "rates": {"f16": [[1, 1e11], [64, 9e12]]}, "link": {"to_device": "12GB/s"}, "launch": "5us"}],
        "disks": [{"capacity": "1TB", "read": "2GB/s"}], "price_per_hour": 1.5}],
        "links": {"default": {"bandwidth": "1Gbit/s", "latency": "1ms"},
        "between": [{"machines": ["a-0", "a-1"], "bandwidth": "300Mbit/s"}]}},
        "model": {"name": "OPT-1.3B", "format": "q4_0"}, 
        "workload": {"prompt_tokens": {"uniform": [8, 64]}, "output_tokens": 8, "batch": 2, "context_limit": 256},
        "objective": "latency", "constraints": ["limit host=20GiB", "pin layers 0-3 = a-0/gpu0", "kv 8bit"]}
        """,
        """
        {"hardware": {"machines": [{"name": "a", "memory": {"capacity": "16GiB"}, "devices": [{"device": "RTX 3090", "count": 2}]}]},
        "model": "Llama-3.2-1B", "workload": {"prompt_tokens": {"values": [5, 300]}, "output_tokens": 16, "rate": 2},
        "objective": {"kind": "slo", "ttft": "2s", "tpot": 0.1}}
        """,
        """
        {"hardware": {"machines": [{"name": "a", "memory": {"capacity": "3GiB"}, "cpu": "EPYC 7742", "devices": ["T4"]}]},
        "model": "OPT-1.3B", "workload": {"trace": [[0, 5, 6], [1.5, 70, 2]]}, "objective": "throughput", "constraints": ["exclude gpu0"]}
        """,
    ].compactMap { try? JSON(parsing: $0) }

    static let problem: Problem = {
        do { return try Problem(Scenario(reading: FieldReader(scenarios[0]))) } catch { preconditionFailure("\(error)") }
    }()

    static let plans: [[UInt8]] = [Strategy.memory, .hetegen, .flexgen, .hexgen].compactMap { strategy in
        (try? Planner(problem).plan(strategy)).map { Array($0.best.plan.json.serialized().utf8) }
    }
}
