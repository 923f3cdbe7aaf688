"""Small agreements that between them use every chapter, in ways that cross each other."""

from pathlib import Path
from typing import Final

ACME: Final = (Path(__file__).parents[2] / "rules" / "agreements" / "acme.yaml").read_text("utf-8")

HURRY: Final = """
agreement: Hurry
version: 1
timezone: Europe/Rome
parties:
  marketing: {owner: max}
  sales: {owner: max, slack: "#sales"}
people:
  max: {name: Max}
  ann: {name: Ann, calendar: office, capacity: 2, weight: 2}
  ben: {name: Ben, calendar: late, capacity: 1}
  cat: {name: Cat, capacity: 2, weight: 3}
  dan: {name: Dan, calendar: late, capacity: 3}
calendars:
  office:
    timezone: Europe/Rome
    hours: {mon-thu: "09:00-13:00 14:00-18:00", fri: "09:00-13:00"}
    holidays: {country: IT}
  late:
    timezone: America/New_York
    hours: {mon-fri: "08:00-16:00", sun: "00:00-24:00"}
temperature:
  decided_by: [horizon, points]
  horizon:
    hot: {below: 2}
    warm: {at_least: 2, at_most: 4}
    cold: {above: 4}
  points:
    touches:
      page.viewed: {points: 3, at_most: 7}
      email.clicked: 5
      pricing.viewed: {points: 10, when: {asset: [/pricing, /quote]}}
    profile:
      - {when: {job_title: ceo}, points: 4}
    half_life: 8h
    levels: {cold: 1, warm: 8, hot: 15}
stages:
  lead: {temperature: [cold, warm, hot]}
  mql: {points: {at_least: 6}}
  sql: {any: [{temperature: hot}, {touched: [demo.requested]}]}
routing:
  at: sql
  teams:
    first: {manager: max, members: [ann, ben, cat], by: round_robin}
    second: {manager: max, members: [dan, ben], by: least_loaded}
  rules:
    - {name: abroad, when: {country: {not: IT}}, team: second}
    - {name: home, team: first}
  keep: account
  outside_hours: wait
clauses:
  - clause: contact hot
    by: sales
    when: {temperature: hot}
    starts: lead.assigned
    ends: lead.attempted
    within: 1h
    calendar: owner
    warn: [50%, 80%]
    escalate: ladder
  - clause: contact others
    by: sales
    when: {temperature: {not: hot}}
    starts: lead.assigned
    ends: lead.attempted
    within: 4h
    calendar: owner
    warn: [75%]
    escalate: ladder
  - clause: queue
    by: sales
    starts: lead.queued
    ends: lead.assigned
    within: 1h
    calendar: office
    escalate: [{after: 0m, tell: [manager]}]
  - clause: stay interested
    by: marketing
    when: {points: {below: 6}}
    starts: lead.captured
    ends: {event: email.clicked, count: 2}
    within: 1d
    calendar: office
    warn: [50%]
escalations:
  ladder:
    - {after: 0m, tell: [owner, manager]}
    - {after: 30m, tell: ["#sales"], do: reassign}
    - {after: 4h, tell: [max], repeat: 2h, at_most: 3, do: reassign}
rejection:
  reasons: [no_budget, bad_data]
  disqualify: [bad_data]
"""

TRIES: Final = """
agreement: Tries
version: 2
timezone: Europe/Warsaw
parties:
  marketing: {owner: eve}
  sales: {owner: max}
people:
  eve: {name: Eve}
  max: {name: Max}
  ann: {name: Ann, calendar: shop}
  ben: {name: Ben}
calendars:
  shop:
    timezone: Europe/Warsaw
    hours: {mon-sat: "10:00-16:00"}
    holidays: {country: PL}
stages:
  lead: {country: [IT, PL]}
  sql: {employees: {at_least: 50}}
routing:
  at: lead
  teams:
    all: {members: [ann, ben, max], by: round_robin}
  rules:
    - {when: {country: PL}, team: all}
clauses:
  - clause: enough
    by: sales
    attempts: {at_least: 2}
    escalate: [{after: 1h, tell: [owner], repeat: 1h, at_most: 3}]
  - clause: not too many
    by: sales
    attempts: {at_most: 2, per_channel: {call: 1, email: 1}}
    then: {recycle_after: 2d}
    calendar: owner
    escalate: [{after: 0m, tell: [party]}, {after: 30m, tell: [owner], do: reassign}]
  - clause: hardly any from marketing
    by: marketing
    when: {stage: sql}
    attempts: {at_most: 3}
    then: {recycle_after: 5h}
    calendar: shop
  - clause: two channels
    by: sales
    starts: lead.assigned
    ends: {event: lead.attempted, count: 2, distinct: channel, where: {outcome: {not: bounced}}}
    within: 2d
    calendar: owner
    warn: [25%, 50%]
    escalate: [{after: 1h, tell: [owner]}, {after: 1d, tell: [manager], do: reassign}]
  - clause: nurture
    by: marketing
    starts: lead.recycled
    ends: {touches: 2, distinct: type}
    within: 3d
    escalate: [{after: 0m, tell: [party]}]
  - clause: record
    by: sales
    starts: deal.won
    ends: deal.recorded
    within: 1d
    calendar: owner
    escalate: [{after: 0m, tell: [owner], repeat: 1d, at_most: 2}]
  - clause: why lost
    by: sales
    starts: deal.lost
    ends: lead.feedback
    within: 4h
    calendar: shop
rejection:
  reasons: [no_budget, bad_data, timing]
  disqualify: [bad_data]
"""

HIGHEST: Final = """
agreement: Highest
version: 1
timezone: America/New_York
parties:
  marketing: {owner: joan}
  sales: {owner: amy}
people:
  joan: {name: Joan}
  amy: {name: Amy}
  ann: {name: Ann, calendar: office, capacity: 1}
  ben: {name: Ben, capacity: 2}
calendars:
  office:
    timezone: America/New_York
    hours: {mon-fri: "09:00-17:00", sat: "22:00-24:00", sun: "00:00-05:00"}
    special: {2026-03-10: "", 2026-03-12: "07:30-08:30 12:00-24:00"}
ideal_customer:
  industry: [manufacturing, logistics]
  employees: {at_least: 50}
temperature:
  decided_by: highest
  horizon:
    hot: {below: 1}
    warm: {at_least: 1, at_most: 3}
    cold: {above: 3}
  touches:
    cold: {webinar.registered: 1}
    warm: {webinar.attended: 1}
    hot: {webinar.attended: 2, ebook.downloaded: 1}
    within: 3d
  points:
    touches:
      page.viewed: {points: 2.5, at_most: 6}
      ebook.downloaded: 8
    profile:
      - {when: {icp: true}, points: 3}
    half_life: 1d
    levels: {warm: 6, hot: 12}
stages:
  lead: {any: [{temperature: [cold, warm, hot]}, {touched: [form.submitted]}]}
  mql: {icp: true, temperature: [warm, hot]}
  sql: {all: [{temperature: hot}, {not: {country: PL}}]}
  opportunity: {purchase_horizon_months: {below: 1}, temperature: hot}
routing:
  at: mql
  teams:
    solo: {manager: amy, members: [ann], by: least_loaded}
    duo: {manager: amy, members: [ben, ann], by: least_loaded}
  rules:
    - {name: one, when: {country: IT}, team: solo}
    - {name: two, when: {source: {like: "ad*"}}, team: duo}
    - {name: three, when: {employees: {at_least: 50}}, team: duo}
clauses:
  - clause: accept
    by: sales
    starts: lead.assigned
    ends: lead.accepted
    within: 2h
    calendar: office
    warn: [50%]
    escalate: up
  - clause: while hot
    by: sales
    when: {temperature: hot}
    starts: lead.stage_changed
    ends: {event: lead.attempted, where: {outcome: connected}}
    within: 6h
    calendar: owner
    warn: [10%, 90%]
    escalate: up
  - clause: warm it up
    by: marketing
    when: {temperature: [cold, warm]}
    starts: lead.temperature_changed
    ends: {touches: 3}
    within: 2d
  - clause: hand over
    by: marketing
    starts: lead.captured
    ends: lead.assigned
    within: 1d
    calendar: office
escalations:
  up:
    - {after: 0m, tell: [owner]}
    - {after: 1h, tell: [manager], do: reassign}
    - {after: 2h, tell: ["#all"], repeat: 1d, at_most: 2}
"""

BARE: Final = """
agreement: Bare
version: 3
timezone: Europe/Rome
people:
  ann: {name: Ann}
  ben: {name: Ben}
stages:
  mql: {touched: [demo.requested]}
clauses:
  - clause: answer
    by: sales
    starts: demo.requested
    ends: lead.attempted
    within: 90m
    warn: [50%]
    escalate: [{after: 15m, tell: ["#all"], repeat: 1h}]
  - clause: at most one
    by: sales
    attempts: {at_most: 1}
"""

AGREEMENTS: Final = (ACME, HURRY, TRIES, HIGHEST, BARE)
