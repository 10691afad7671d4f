#!/usr/bin/env python3
"""Compares the planner's linear programs with HiGHS (scipy.optimize.linprog) on a thousand random FlexGen problems, both published cost
variants.

usage: Tools/compare_lp_with_highs.py [FILE]

Without FILE the test that writes the programs is run (`swift test --filter writePrograms`). Needs scipy. Exit status 1 where an
optimum differs by more than 1e-6, relatively, or where one solver finds a solution and another does not.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy
from scipy.optimize import linprog

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def write_programs(path):
    environment = dict(os.environ, MOTLEY_PROGRAMS=path)
    subprocess.run(["swift", "test", "--filter", "LinearProgramTests/writePrograms"], cwd=root, env=environment, check=True,
                   stdout=subprocess.DEVNULL)


def highs(program):
    upper = [row for row in program["rows"] if not row["equality"]]
    equal = [row for row in program["rows"] if row["equality"]]

    def matrix(rows):
        # Scaled by row, as our solvers do it: memories are counted in bytes.
        coefficients = numpy.array([row["coefficients"] for row in rows], float)
        bounds = numpy.array([row["bound"] for row in rows], float)
        size = numpy.maximum(numpy.abs(coefficients).max(axis=1), 1e-300)
        return coefficients / size[:, None], bounds / size

    a, b = matrix(upper)
    c, d = matrix(equal)
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(program["cost"], A_ub=a, b_ub=b, A_eq=c, b_eq=d, bounds=(0, None), method="highs", options=options)
    return found.fun if found.status == 0 else None


def main():
    if len(sys.argv) > 1:
        path = sys.argv[1]
    else:
        path = os.path.join(tempfile.mkdtemp(), "programs.json")
        write_programs(path)
    with open(path) as file:
        content = json.load(file)
    failed = False
    solvers = [name for name in ("simplex", "cbc") if name in content["programs"][0]]
    worst = {}
    disagree = {name: 0 for name in solvers}
    feasible = 0
    for program in content["programs"]:
        expected = highs(program)
        feasible += expected is not None
        for name in solvers:
            found = program[name]
            if (found is None) != (expected is None):
                disagree[name] += 1
            elif found is not None:
                key = (name, program["variant"])
                worst[key] = max(worst.get(key, 0), abs(found - expected) / max(abs(expected), 1e-12))
    print(f"{len(content['programs'])} programs, {feasible} with a solution")
    for (name, variant), difference in sorted(worst.items()):
        print(f"{name:8} {variant:6} largest relative difference to HiGHS {difference:.1e}")
        failed |= difference > 1e-6
    for name in solvers:
        print(f"{name:8} {content[name + '_microseconds']:.0f} microseconds per program; "
              f"{disagree[name]} disagreements about having a solution")
        failed |= disagree[name] > 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
