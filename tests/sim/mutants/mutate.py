#!/usr/bin/env python3
"""Plants mutants in copies of the product's sources.

    mutate.py LIST ROOT sources        names the sources that have mutants
    mutate.py LIST ROOT write FOLDER   writes a copy of each, and planted.cpp

Where the original has an expression, its copy asks which mutant is planted, and
has what this makes of the expression, or the original. Each expression must be
in its source exactly once.
"""

import json
import pathlib
import sys

DECLARED = "namespace troupe::sim { extern unsigned planted; }\n"


def sources_of(mutants):
    return list(dict.fromkeys(x["source"] for x in mutants))


def plant(text, number, mutant):
    expression = mutant["expression"]
    found = text.count(expression)
    if found != 1:
        sys.exit(f"{mutant['source']}: the mutant \"{mutant['name']}\" replaces "
                 f"`{expression}`, which is there {found} times and must be "
                 "there once.\nWrite in tests/sim/mutants/mutants.json what "
                 "this decision looks like now.")
    return text.replace(
        expression, f"(::troupe::sim::planted == {number} ? "
        f"({mutant['becomes']}) : ({expression}))")


def names_of(mutants):
    lines = "".join(f"  {json.dumps(x['name'])},\n" for x in mutants)
    return ("#include <string>\n#include <vector>\n\nnamespace troupe::sim {\n\n"
            "unsigned planted = 0;\nextern const std::vector<std::string> "
            "product_mutants;\nconst std::vector<std::string> product_mutants "
            "= {\n" + lines + "};\n\n} // namespace troupe::sim\n")


def write(mutants, root, folder):
    copies = {x: DECLARED + (root / x).read_text(encoding="utf-8")
              for x in sources_of(mutants)}
    for number, mutant in enumerate(mutants, start=1):
        source = mutant["source"]
        copies[source] = plant(copies[source], number, mutant)
    copies["planted.cpp"] = names_of(mutants)
    for source, text in copies.items():
        path = folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        # What has not changed is not compiled again.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def main(arguments):
    if len(arguments) < 3:
        sys.exit(__doc__)
    mutants = json.loads(pathlib.Path(arguments[0]).read_text(encoding="utf-8"))
    if arguments[2] == "sources":
        print(";".join(sources_of(mutants)), end="")
    elif arguments[2] == "write" and len(arguments) == 4:
        write(mutants, pathlib.Path(arguments[1]), pathlib.Path(arguments[3]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
