"""A second implementation of policies and verdicts, which runs the conformance suite: `python agreement FOLDER`.

It follows docs/policy.md and docs/predicates/rebuild-v1.md in another language and with other libraries, so that
what both decide alike is not the accident of one. It needs Python 3.11 and the package `cryptography`. It reads what
the suite has, and no more: no OpenPGP keys, and of Sigstore bundles those with a key.
"""

import datetime
import json
import pathlib
import sys

from documents import Refused, moment
from evidence import votes_of
from policies import read_policy, unmet


def decide(policy, case, evidence):
    votes, unusable = votes_of(policy, case, evidence)
    elsewhere = votes.pop(None, [])
    stating, weak, failed, equivocating, old, revoked = {}, {}, set(), set(), {}, {}
    others = bool(elsewhere)
    for who, said in votes.items():
        withdrawn = {it[1] for it in said if it[0] == "revoked" and it[2] is None}
        found = {}
        for outcome, digests, key, weakness_found in said:
            others = others or key is not None
            if outcome not in ("built", "differs"):
                continue
            if key is not None:
                (revoked if key == "revoked" else old).setdefault(digests, set()).add(who)
            elif digests in withdrawn:
                revoked.setdefault(digests, set()).add(who)
                others = True
            else:
                found.setdefault(digests, []).append(weakness_found)
        if len(found) > 1:
            equivocating.add(who)
        elif found:
            (digests, reasons), = found.items()
            if None in reasons:
                stating[who] = digests
            else:
                weak[who] = digests
                if "old" in reasons:
                    old.setdefault(digests, set()).add(who)
        elif any(it[0] == "failed" and it[2] is None for it in said):
            failed.add(who)

    def asked(digests):
        wanted = case["asked"] or {}
        return wanted.get("blake3", digests[0]) == digests[0] and wanted.get("sha256", digests[1]) == digests[1]

    groups = {}
    for who, digests in stating.items():
        groups.setdefault(digests, set()).add(who)
    enough = [digests for digests, who in sorted(groups.items()) if unmet(policy, who) is None]
    candidates = [it for it in enough if asked(it)]
    candidates += sorted((it for it in groups if asked(it)), key=lambda it: (-len(groups[it]), it))
    target = candidates[0] if candidates else None
    matches = (lambda it: it == target) if target else (asked if case["asked"] else lambda it: False)
    known = target is not None or case["asked"] is not None
    agreeing = {who for who, digests in stating.items() if matches(digests)}
    against = {who for who, digests in {**stating, **weak}.items() if not matches(digests)}
    if policy["dissent"]["failed"] == "dissent":
        against |= failed
    tolerate = policy["dissent"]["tolerate"]

    def short():
        possible = {it for it in [*old, *revoked, target] if it is not None and asked(it)}
        late = {it: groups.get(it, set()) | old.get(it, set()) for it in possible}
        if any(unmet(policy, late[it]) is None for it in possible):
            return "STALE", "age"
        if any(unmet(policy, late[it] | revoked.get(it, set())) is None for it in possible):
            return "REVOKED", "revocation"
        if unusable and not (stating or weak or failed or equivocating or others):
            return "INVALID", "evidence"
        return "INSUFFICIENT", unmet(policy, agreeing) or "rule"

    def judged():
        seen, until = case.get("highest_policy_seen"), policy["valid_until"]
        if seen is not None and seen > policy["version"]:
            return "STALE", {"policy-rolled-back": {"seen": seen}}
        if until is not None and moment(case["now"]) >= until:
            text = datetime.datetime.fromtimestamp(until, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return "STALE", {"policy-expired": {"until": text}}
        if len(enough) > 1:
            return "CONTESTED", "two-digests"
        found = len(against) if known else 0
        if equivocating and len(equivocating) + found > tolerate:
            return "EQUIVOCATION", "equivocation"
        if found > tolerate:
            return "CONTESTED", {"dissent": {"found": found, "tolerate": tolerate}}
        if enough and enough[0] == target:
            return "AGREED", "satisfied"
        return short()

    verdict, clause = judged()
    return {
        "verdict": verdict, "clause": clause, "agreeing": sorted(agreeing), "dissenting": sorted(against),
        "equivocating": sorted(equivocating),
    }


def run(folder):
    case = json.loads((folder / "case.json").read_text())
    evidence = {}
    for file in sorted((folder / "evidence").glob("*.json")):
        data = file.read_bytes()
        evidence[file.name] = data.ljust(case.get("padded_to", {}).get(file.name, 0))
    try:
        policy = read_policy((folder / "policy.toml").read_bytes())
    except Refused:
        return {"verdict": "INVALID", "clause": "policy", "agreeing": [], "dissenting": [], "equivocating": []}, case
    return decide(policy, case, evidence), case


def main():
    failed = passed = 0
    for folder in sorted(it.parent for it in pathlib.Path(sys.argv[1]).glob("*/case.json")):
        found, case = run(folder)
        if found == case["expected"]:
            passed += 1
        else:
            failed += 1
            print(f"{folder.name}: expected {case['expected']}\n  decided {found}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
