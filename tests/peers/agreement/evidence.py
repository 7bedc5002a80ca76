"""Envelopes, statements (docs/predicates/rebuild-v1.md), and the votes in them."""

import re

from documents import Refused, check, moment, no_case_twins, read_json, unbase64, verifies
from policies import number, table

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
REBUILD = "urn:stele:predicate:rebuild:v1"
STATED = {"cpu_vendor": "cpuVendor", "kernel": "kernel", "builder": "implementation"}
OUTPUT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def read_envelope(data):
    value = read_json(data)
    check(isinstance(value, dict))
    if "mediaType" in value:
        table(value, ["mediaType", "verificationMaterial", "dsseEnvelope"], ["verificationMaterial", "dsseEnvelope"])
        check(value["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json")
        value = value["dsseEnvelope"]
    fields = ["payload", "payloadType", "signatures"]
    table(value, fields, fields)
    check(isinstance(value["payloadType"], str) and isinstance(value["signatures"], list))
    check(1 <= len(value["signatures"]) <= 64, "signatures")
    for it in value["signatures"]:
        table(it, ["sig", "keyid", "cert"], ["sig"])
    payload, kind = unbase64(value["payload"]), value["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return value["payloadType"], payload, signed, [unbase64(it["sig"]) for it in value["signatures"]]


def both_digests(value):
    check(isinstance(value, dict) and {"blake3", "sha256"} <= set(value))
    found = (value["blake3"], value["sha256"])
    check(all(isinstance(it, str) and DIGEST.fullmatch(it) for it in found), "digests")
    return found


def read_statement(kind, payload):
    check(kind == IN_TOTO, "another type")
    value = read_json(payload)
    check(isinstance(value, dict))
    no_case_twins(value, within=False)
    no_case_twins(value.get("predicate"))
    no_case_twins(value.get("subject"))
    check(value.get("_type") == STATEMENT and value.get("predicateType") == REBUILD)
    said, subjects = value.get("predicate"), value.get("subject")
    check(isinstance(said, dict) and isinstance(subjects, list) and subjects)
    outcome = said.get("outcome")
    check(outcome in ("built", "differs", "failed", "revoked"), "outcome")
    action = said["action"]["digest"]["blake3"]
    check(DIGEST.fullmatch(action))
    outputs = said.get("outputs", [])
    names = [it["name"] for it in outputs]
    check(all(isinstance(it, str) and OUTPUT.fullmatch(it) for it in names), "a name")
    check(names == sorted(set(names)), "not sorted, or twice")
    check((outcome == "failed") == (not outputs))
    check((outcome == "revoked") == ("sandbox" not in said))
    found = {it["name"]: both_digests(it["digest"]) for it in outputs}
    expected = [it for it in outputs if "expected" in it]
    check((outcome == "differs") == bool(expected), "expected")
    check(all(both_digests(it["expected"]) != found[it["name"]] for it in expected))
    if outcome == "failed":
        check([(it.get("name"), it["digest"].get("blake3")) for it in subjects] == [("action", action)])
    else:
        check(len(subjects) == len(found), "subjects")
        check({it.get("name"): both_digests(it["digest"]) for it in subjects} == found, "subjects")
    dates = said.get("metadata", {})
    date = dates.get("finishedOn", dates.get("startedOn"))
    profile = None if outcome == "revoked" else number(said["sandbox"]["profile"], 0, (1 << 32) - 1)
    return {
        "outcome": outcome, "action": action, "outputs": found, "profile": profile,
        "builder": said.get("builder", {}), "date": None if date is None else moment(date),
    }


def key_problem(policy, key, claimed, witnessed, now):
    best = witnessed if witnessed is not None else claimed
    when = {"at-verification": None, "at-signing": best, "at-signing-witnessed": witnessed}
    at = when[policy["keys"]["expired"]]
    at = now if at is None else min(at, now)
    if "revoked" in key and (key["revoked"][1] == "compromised" or at >= key["revoked"][0]):
        return "revoked"
    if at >= key.get("valid_until", 1 << 62) or at < key.get("valid_from", -1 << 62):
        return "old"
    return None


def weakness(policy, facts, said, witnessed, now):
    """Why a statement does not count in favour."""
    profiles = policy["statements"]["profiles"]
    if said["outcome"] != "failed" and profiles and said["profile"] not in profiles:
        return "other"
    if policy["statements"]["contradicting_facts"] == "refuse":
        for fact, field in STATED.items():
            stated = said["builder"].get(field)
            if stated is not None and fact in facts and stated.lower() != facts[fact]:
                return "other"
    if "freshness" in policy:
        claimed = policy["freshness"]["time"] == "claimed"
        date = said["date"] if claimed and witnessed is None else witnessed
        age = policy["freshness"]["max_age_days"] * 86_400
        if date is None or date < now - age or date > now + 300:
            return "old"
    return None


def votes_of(policy, case, evidence):
    """For each principal what it says: of which outcome, digests, and what speaks against counting it."""
    votes, unusable, now = {}, 0, moment(case["now"])
    for name, data in evidence.items():
        witnessed = case.get("witnessed", {}).get(name)
        witnessed = None if witnessed is None else moment(witnessed)
        try:
            kind, payload, signed, signatures = read_envelope(data)
        except Refused:
            unusable += 1
            continue
        signers = {
            who: [key for key in it["keys"] if any(verifies(key["key"], signed, sig) for sig in signatures)]
            for who, it in policy["principals"].items()
        }
        signers = {who: keys for who, keys in signers.items() if keys}
        try:
            check(signers, "nobody known")
            said = read_statement(kind, payload)
        except (Refused, KeyError, TypeError, AttributeError, ValueError):
            unusable += 1
            continue
        digests = said["outputs"].get(case["output"])
        if said["action"] != case["action"] or (digests is None and said["outcome"] != "failed"):
            votes.setdefault(None, []).append(None)
            continue
        for who, keys in signers.items():
            problems = [key_problem(policy, key, said["date"], witnessed, now) for key in keys]
            key = None if None in problems else problems[0]
            weak = None
            if key is None and said["outcome"] != "revoked":
                weak = weakness(policy, policy["principals"][who], said, witnessed, now)
            votes.setdefault(who, []).append((said["outcome"], digests, key, weak))
    return votes, unusable
