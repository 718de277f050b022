"""Every dependency that is linked or imported has a licence an MIT project may use; run by `make lint`.

Rust: `cargo metadata` of the locked graph. Python: the installed run-time requirements of requirements.lock.
Exits 1 and names each package whose licence is not on the list.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}

PYTHON_CLASSIFIERS = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}

FREE_TEXT = {
    "MIT License": "MIT",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
}


def acceptable(expression: str) -> bool:
    """An SPDX expression of which some choice is wholly allowed."""
    expression = expression.replace("/", " OR ").strip()
    tokens = re.findall(r"\(|\)|AND|OR|(?:(?!AND|OR|[()]).)+", expression)
    tokens = [t.strip() for t in tokens if t.strip()]

    def disjunction(at: int) -> tuple[bool, int]:
        value, at = conjunction(at)
        while at < len(tokens) and tokens[at] == "OR":
            right, at = conjunction(at + 1)
            value = value or right
        return value, at

    def conjunction(at: int) -> tuple[bool, int]:
        value, at = term(at)
        while at < len(tokens) and tokens[at] == "AND":
            right, at = term(at + 1)
            value = value and right
        return value, at

    def term(at: int) -> tuple[bool, int]:
        if at < len(tokens) and tokens[at] == "(":
            value, at = disjunction(at + 1)
            return value, at + 1
        return (at < len(tokens) and tokens[at] in ALLOWED), at + 1

    value, end = disjunction(0)
    return value and end == len(tokens)


def rust_licences() -> dict[str, str]:
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--locked"], cwd=ROOT, check=True, capture_output=True
    )
    packages = json.loads(answer.stdout)["packages"]
    return {f"{p['name']} {p['version']}": p["license"] or "none stated" for p in packages}


def python_licences() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        match = re.match(r"([A-Za-z0-9_.-]+)==([^ ;\\]+)", line)
        if not match:
            continue
        name = match[1]
        about = metadata.metadata(name)
        expression = about.get("License-Expression") or ""
        if not expression:
            classifiers = about.get_all("Classifier") or []
            expression = " OR ".join(PYTHON_CLASSIFIERS[c] for c in classifiers if c in PYTHON_CLASSIFIERS)
        if not expression:
            text = (about.get("License") or "none stated").strip()
            expression = FREE_TEXT.get(text, text)
        found[f"{name} {match[2]}"] = expression
    return found


def main() -> int:
    licences = {**rust_licences(), **python_licences()}
    refused = {name: licence for name, licence in licences.items() if not acceptable(licence)}
    for name, licence in sorted(refused.items()):
        print(f"{name}: licence {licence!r} is not on the list in {Path(__file__).relative_to(ROOT)}")
    if not refused:
        print(f"licences: {len(licences)} dependencies, all allowed")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
