"""Policies: whose votes count, and how many are enough (docs/policy.md)."""

import re
import tomllib

from documents import Refused, check, identity, moment, public_key

FACTS = {"owner", "organisation", "country", "cpu_vendor", "kernel", "builder"}
LABEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


def table(value, known, needed=()):
    check(isinstance(value, dict) and set(value) <= set(known) and set(needed) <= set(value), "fields")
    return value


def number(value, least, most):
    check(isinstance(value, int) and not isinstance(value, bool) and least <= value <= most, "a number")
    return value


def label(value):
    check(isinstance(value, str) and LABEL.fullmatch(value), "a name")
    return value


def names_in(rule):
    """The principals below a rule, each once; an error where one would count twice."""
    if isinstance(rule, str):
        return {rule}
    below = [names_in(it) for it in next(iter(rule[1]))]
    flat = [it for it in next(iter(rule[1])) if isinstance(it, str)]
    check(len(flat) == len(set(flat)), "a principal stands twice")
    union = set().union(*below)
    if rule[0] == "at_least":
        check(sum(map(len, below)) == len(union), "a principal counts twice")
    return union


def read_rule(rule, level=0):
    check(level <= 16, "nested too deeply")
    if isinstance(rule, str):
        return label(rule)
    kind = {frozenset(["at_least", "of"]): "at_least", frozenset(["all"]): "all", frozenset(["any"]): "any"}
    check(isinstance(rule, dict) and frozenset(rule) in kind, "a rule")
    kind = kind[frozenset(rule)]
    rules = rule["of" if kind == "at_least" else kind]
    check(isinstance(rules, list) and rules, "an empty list")
    needed = number(rule["at_least"], 1, len(rules)) if kind == "at_least" else len(rules) if kind == "all" else 1
    return (kind, [[read_rule(it, level + 1) for it in rules]], needed)


def satisfied(rule, who):
    if isinstance(rule, str):
        return rule in who
    return sum(satisfied(it, who) for it in rule[1][0]) >= rule[2]


def read_key(text):
    table(text, ["public", "valid_from", "valid_until", "revoked"], ["public"])
    key = {"key": public_key(text["public"])}
    for field in ("valid_from", "valid_until"):
        if field in text:
            key[field] = moment(text[field])
    check(key.get("valid_from", 0) < key.get("valid_until", 1 << 62), "never valid")
    if "revoked" in text:
        revoked = table(text["revoked"], ["at", "reason"], ["at", "reason"])
        check(revoked["reason"] in ("compromised", "retired"))
        key["revoked"] = (moment(revoked["at"]), revoked["reason"])
    return key


def read_policy(data):
    check(len(data) <= 1 << 20)
    try:
        policy = tomllib.loads(data.decode())
    except ValueError as error:
        raise Refused(str(error)) from error
    needed = ["policy", "name", "version", "rule", "principals"]
    table(policy, needed + ["valid_until", "independent", "dissent", "freshness", "keys", "statements"], needed)
    check(policy["policy"] == 1, "another format")
    label(policy["name"])
    number(policy["version"], 1, 1 << 62)
    policy["valid_until"] = moment(policy["valid_until"]) if "valid_until" in policy else None
    policy["rule"] = read_rule(policy["rule"])
    principals = policy["principals"]
    check(names_in(policy["rule"]) == {label(it) for it in principals}, "principals that are not those of the rule")
    seen = set()
    for principal in principals.values():
        table(principal, FACTS | {"keys"}, ["keys"])
        for fact in FACTS & set(principal):
            label(principal[fact])
        principal["keys"] = [read_key(it) for it in principal["keys"]]
        check(principal["keys"], "no key")
        for key in principal["keys"]:
            check(identity(key["key"]) not in seen, "a key twice")
            seen.add(identity(key["key"]))
    clauses = policy.setdefault("independent", [])
    for clause in clauses:
        table(clause, ["fact", "at_least"], ["fact", "at_least"])
        check(clause["fact"] in FACTS)
        number(clause["at_least"], 1, len(values(policy, clause["fact"], principals)))
    check(len({it["fact"] for it in clauses}) == len(clauses), "two clauses for a fact")
    dissent = table(policy.setdefault("dissent", {}), ["tolerate", "failed"])
    number(dissent.setdefault("tolerate", 0), 0, len(principals) - 1)
    check(dissent.setdefault("failed", "ignore") in ("ignore", "dissent"))
    if "freshness" in policy:
        freshness = table(policy["freshness"], ["max_age_days", "time"], ["max_age_days"])
        number(freshness["max_age_days"], 1, (1 << 32) - 1)
        check(freshness.setdefault("time", "claimed") in ("claimed", "witnessed"))
    keys = table(policy.setdefault("keys", {}), ["expired"])
    expiries = ("at-verification", "at-signing", "at-signing-witnessed")
    check(keys.setdefault("expired", "at-verification") in expiries)
    statements = table(policy.setdefault("statements", {}), ["profiles", "contradicting_facts"])
    for profile in statements.setdefault("profiles", []):
        number(profile, 0, (1 << 32) - 1)
    check(statements.setdefault("contradicting_facts", "refuse") in ("refuse", "accept"))
    return policy


def values(policy, fact, who):
    return {policy["principals"][it][fact] for it in who if fact in policy["principals"][it]}


def unmet(policy, who):
    """The first clause that these do not satisfy."""
    if not satisfied(policy["rule"], who):
        return "rule"
    for clause in policy["independent"]:
        if len(values(policy, clause["fact"], who)) < clause["at_least"]:
            return {"independence": clause}
    return None
