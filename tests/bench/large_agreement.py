"""A generated agreement with as many rules as asked for, of every kind that has conditions."""

HEAD = """\
agreement: Large
version: 1
timezone: Europe/Rome
parties:
  sales: {owner: p0}
people:
"""
TEMPERATURE = """\
temperature:
  decided_by: [points]
  points:
    touches:
      page.viewed: {points: 1, at_most: 5}
    profile:
"""
LEVELS = """\
    half_life: 30d
    levels: {cold: 1, warm: 20, hot: 50}
stages:
  sql: {temperature: hot}
"""
PEOPLE = 50


def large_agreement(rules: int) -> str:
    """A YAML agreement without faults: `rules` rules, half of them routing rules.

    The rest are clauses and profile points, in equal parts.
    """
    routing, clauses = rules // 2, rules // 4
    parts = [HEAD]
    parts += [f"  p{n}: {{name: Person {n}, capacity: 25}}\n" for n in range(PEOPLE)]
    parts.append(TEMPERATURE)
    parts += [
        f"      - {{when: {{job_title: [ceo, 'title {n}'], employees: {{at_least: {n}}}}},"
        f" points: {n % 9 + 1}}}\n"
        for n in range(rules - routing - clauses)
    ]
    parts += [LEVELS, "routing:\n  at: sql\n  teams:\n"]
    parts += [f"    team {n}: {{members: [p{n}], by: round_robin}}\n" for n in range(PEOPLE)]
    parts.append("  rules:\n")
    parts += [
        f"    - {{name: rule {n}, when: {{campaign: {{like: 'c{n}-*'}}, country: [IT, PL]}},"
        f" team: team {n % PEOPLE}}}\n"
        for n in range(routing - 1)
    ]
    parts += ["    - {name: the rest, team: team 0}\n", "clauses:\n"]
    parts += [
        f"  - {{clause: promise {n}, by: sales, when: {{campaign: c{n}}}, starts: lead.assigned,"
        f" ends: lead.attempted, within: {n % 50 + 1}h, calendar: always, warn: [50%]}}\n"
        for n in range(clauses)
    ]
    return "".join(parts)
