"""Who appears in the demonstration: invented companies, people and content.

All domains end in `.example`, which nobody can own, and all telephone numbers
lack their last digits.
"""

import random
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Company:
    """An invented company. `region` is the administrative one; `country` is ISO 3166."""

    name: str
    domain: str
    industry: str
    employees: int
    country: str
    region: str
    language: str


@dataclass(frozen=True, slots=True)
class Prospect:
    """Somebody at one of the companies who may become a lead."""

    lead: str
    name: str
    job_title: str
    company: Company

    def profile(self, campaign: str, source: str) -> dict[str, Any]:
        """The profile fields of `lead.captured` (contract, section 1)."""
        company = self.company
        mailbox = self.name.lower().replace(" ", ".").translate(_PLAIN)
        return {
            "email": f"{mailbox}@{company.domain}",
            "name": self.name,
            "job_title": self.job_title,
            "company": company.name,
            "industry": company.industry,
            "employees": company.employees,
            "country": company.country,
            "region": company.region,
            "language": company.language,
            "source": source,
            "campaign": campaign,
            "origin": "marketing",
        }


_PLAIN: Final = str.maketrans("àèéìòùąćęłńóśźżöüß", "aeeiouacelnoszzous")

COMPANIES: Final = (
    Company("Officine Brenta", "officine-brenta.example", "manufacturing", 180, "IT", "PD", "it"),
    Company("Torneria Adda", "torneria-adda.example", "manufacturing", 64, "IT", "LC", "it"),
    Company("Trasporti Lario", "trasporti-lario.example", "logistics", 220, "IT", "CO", "it"),
    Company("Magazzini Po", "magazzini-po.example", "logistics", 95, "IT", "PC", "it"),
    Company("Stampi Ticino", "stampi-ticino.example", "manufacturing", 31, "IT", "VA", "it"),
    Company("Cartiera Serio", "cartiera-serio.example", "manufacturing", 410, "IT", "BG", "it"),
    Company("Studio Navigli", "studio-navigli.example", "services", 12, "IT", "MI", "it"),
    Company("Zakłady Odra", "zaklady-odra.example", "manufacturing", 260, "PL", "DS", "pl"),
    Company("Spedycja Warta", "spedycja-warta.example", "logistics", 140, "PL", "WP", "pl"),
    Company("Meble Narew", "meble-narew.example", "manufacturing", 75, "PL", "PD", "pl"),
    Company("Sklepy Wisła", "sklepy-wisla.example", "retail", 900, "PL", "MZ", "pl"),
    Company("Isar Fördertechnik", "isar-foerder.example", "manufacturing", 150, "DE", "BY", "de"),
    Company("Elbe Spedition", "elbe-spedition.example", "logistics", 310, "DE", "HH", "de"),
    Company("Ljubljanica Orodja", "ljubljanica.example", "manufacturing", 88, "SI", "061", "sl"),
)

_NAMES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "it": (
        ("Anna", "Luca", "Giulia", "Matteo", "Chiara", "Davide", "Elena", "Fabio"),
        ("Rossi", "Ferrari", "Bianchi", "Colombo", "Ricci", "Galli", "Fontana", "Moretti"),
    ),
    "pl": (
        ("Katarzyna", "Tomasz", "Agnieszka", "Paweł", "Ewa", "Michał"),
        ("Nowak", "Wójcik", "Mazur", "Krawczyk", "Kaczmarek", "Pawlak"),
    ),
    "de": (("Sabine", "Jörg", "Katrin", "Stefan"), ("Weber", "Schäfer", "Krüger", "Vogel")),
    "sl": (("Maja", "Gregor", "Nina"), ("Novak", "Zupan", "Kos")),
}
_JOB_TITLES: Final = (
    "director", "ceo", "plant manager", "operations manager", "buyer", "logistics manager",
    "production engineer",
)  # fmt: skip

WEBINARS: Final = (
    "Automating the warehouse",
    "Scheduling a shop floor that changes daily",
    "What a late delivery costs",
)
EBOOKS: Final = ("The buyer's guide to planning software", "Twelve months to a paperless plant")
PAGES: Final = ("/", "/product", "/customers", "/integrations", "/blog/changeover-times")
CAMPAIGNS: Final = ("spring-webinars", "planning-guide", "trade-fair-follow-up")
AWAY_REASONS: Final = ("out of the office until then", "asked to be called after the audit")
REMARKS: Final = {
    "not_interested": "happy with what they have",
    "no_budget": "next year's budget at the earliest",
    "bad_data": "the number does not exist",
    "competitor": "signed with somebody else last week",
    "timing": "moving to a new plant first",
    "duplicate": "same person as an older lead",
}


def prospects(count: int, draw: random.Random) -> list[Prospect]:
    """`count` prospects, `lead-01` onwards, no two of them alike as long as names last."""
    seen: set[tuple[str, str]] = set()
    found: list[Prospect] = []
    for number in range(1, count + 1):
        company = draw.choice(COMPANIES)
        for _ in range(20):
            first, last = (draw.choice(names) for names in _NAMES[company.language])
            name = f"{first} {last}"
            if (name, company.domain) not in seen:
                break
        seen.add((name, company.domain))
        found.append(Prospect(f"lead-{number:02d}", name, draw.choice(_JOB_TITLES), company))
    return found
