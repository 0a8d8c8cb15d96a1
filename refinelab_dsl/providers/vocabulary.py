"""Words that the simulated model writes with. Plain data; their order is part of its rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    """Words between white space; `_` stands for a space."""
    return tuple(word.replace("_", " ") for word in text.split())


def _synonyms(text: str) -> Mapping[str, tuple[str, ...]]:
    """`word: other another; …`"""
    pairs = (entry.split(":") for entry in text.split(";"))
    return MappingProxyType({word.strip(): _words(others) for word, others in pairs})


NOUNS: Final = _words(
    """
    account adapter alloy anchor angle archive artery axis balance barrier basin beacon bearing binding bond
    border branch bridge buffer bundle burden cabinet cable campaign canal carrier catalyst cavity census chamber
    channel charter circuit citizen clause climate cluster colony column comet compass compound condition contract
    coordinate council courier crater creditor crystal current curve dam debt decree deposit device diagram
    dialect dividend doctrine dose draft drainage dynasty echo ecosystem election element embargo emission empire
    engine envelope enzyme episode equation estate estuary evidence exchange exhibit extract fabric factor faculty
    famine ferment fiber field filter fleet fluid forecast formula fossil fraction fragment frame frequency
    frontier fuel function galaxy garrison gauge gene glacier grain graph gravity grid habitat harbor hormone
    horizon hypothesis impulse index industry inlet interval isotope journal judge junction kernel kingdom
    laboratory lagoon lattice ledger legend lens lever liquid list loan lobe machine magnet mandate manuscript
    margin market matrix meadow measure membrane merchant merger metal meter mineral mixture model moment monitor
    motion motor muscle network nerve neutron node nucleus oath orbit ordinance organ outline oxide panel paradox
    parcel particle patent pattern peak pendulum petition phase pilot pivot plateau pledge plume pocket polymer
    portal portion pressure prism privilege probe profile protein protocol province pulse pump quarry quota radius
    ratio reactor rebate receptor record reform region register relic remedy reservoir residue resolution
    resonance revenue ridge ritual rotor sample satellite scaffold schedule sector sediment segment sensor
    sequence session shelter signal sketch socket solvent spectrum sphere spiral statute stimulus storage strand
    stratum stream structure subsidy surface survey symbol symptom synapse tariff temple tenant tension theorem
    threshold tissue token torque tower trace tract trade transit treaty trench tribe tribunal trigger tunnel
    turbine union valley valve vector vein velocity verdict vessel village virus voltage voyage warrant wave
    weight wheel window workshop yield zone
    """
)
ADJECTIVES: Final = _words(
    """
    abrupt acidic active adjacent ancient arid artificial axial balanced barren binary bitter blunt brittle broad
    busy calm central chronic civil coarse coastal cold complex concave conscious constant cool crude curved damp
    dense diffuse distant dormant double drastic dry early elastic electric empty exact external faint familiar
    fertile final finite firm flat fluid foreign formal fragile frequent frozen gentle genuine global gradual
    granular grave hard heavy hidden hollow humid identical idle inert inner intense internal joint keen large
    late lateral latent lean legal level light linear liquid local loose low lunar marginal marine massive mature
    mild minor mobile modern moist molten mutual narrow neutral noble normal northern novel obscure open optical
    oral organic outer oval pale parallel partial passive patient periodic plain polar porous primary private
    prompt proper public pure quiet random rapid rare raw recent regular remote rigid rival robust rough round
    royal rural saline scarce secure serial severe shallow sharp short silent simple single sleek slender slow
    smooth social soft solar solid sparse spatial stable static steady steep sterile stiff strict strong subtle
    sudden supple tender thermal thick tidal tiny toxic tropical uniform unique upper urban vacant valid vast
    verbal vertical viable vital vivid volatile warm weak wild
    """
)
VERBS: Final = _words(
    """
    absorbs accepts adjusts admits alters anchors approves attracts balances bends binds blocks borrows bounds
    carries causes changes charges checks collects compares confirms connects contains controls cools corrects
    counts covers crosses defends defines delays delivers denies describes detects diverts divides drains drives
    enters equals erodes exceeds expands explains exposes extends fails fills filters floods follows forces forms
    governs grants guards guides halts heats holds ignores implies improves includes indicates joins launches
    lifts limits links lowers maintains mirrors modifies moves narrows offsets opens opposes orders outlasts pays
    permits precedes predicts preserves presses prevents produces protects proves raises reaches records reduces
    reflects refuses regulates releases removes repairs replaces resembles resists restores reveals reverses
    rotates sends separates shapes shields shifts signals slows spreads stabilises starts stops stores supplies
    supports surrounds tests transfers transmits triggers turns unites verifies weakens widens withstands
    """
)
LINKS: Final = _words(
    """
    across after against along before behind beneath beside beyond despite during inside near through toward under
    upon while_near within without
    """
)
FILLERS: Final = _words(
    """
    actually as_stated as_usual by_and_large clearly for_certain in_effect in_fact in_general in_practice
    in_principle in_turn indeed likewise namely notably of_course on_balance properly_speaking specifically
    strictly that_is then thereby typically usually
    """
)
OPENINGS: Final = _words(
    """
    Consider_this_case: Put_differently, Asked_another_way: From_the_material_at_hand, As_a_matter_of_record,
    In_a_review_session: Given_what_is_known, Think_it_through: For_the_exam: Stated_anew, With_care, To_restate:
    """
)

SYNONYMS: Final = _synonyms(
    """
    which: what; what: which; is: remains; are: remain; was: had_been; best: most_closely; following: listed;
    many: several; how: in_what_way; the: this that; a: one some; an: one some; of: belonging_to regarding;
    in: within inside; on: upon atop; for: regarding toward; and: plus as_well_as; or: else;
    with: alongside using; by: via through; from: out_of; to: toward unto; if: provided supposing;
    when: whenever once; who: whoever; most: nearly_all; more: further; less: fewer; each: every;
    all: every_one_of; use: employ; used: employed; uses: employs; make: produce; makes: produces; made: produced;
    has: holds possesses; have: hold possess; had: held; can: could may; will: shall; would: might;
    should: ought_to; must: needs_to; find: determine; finds: determines; give: supply; gives: supplies;
    get: obtain; gets: obtains; take: require; takes: requires; buy: purchase; buys: purchases; sell: trade;
    sells: trades; sold: traded; bought: purchased; day: date; days: dates; money: cash funds; total: overall_sum;
    same: identical; different: distinct; large: big sizable; small: little minor; describes: characterises;
    describe: characterise; statement: claim assertion; cause: reason; causes: brings_about; result: outcome;
    results: outcomes; example: instance; called: named termed; known: recognised; located: situated;
    true: correct; false: incorrect; not: hardly; between: amid; during: throughout; because: since;
    therefore: thus hence; main: chief principal; primary: foremost; first: initial; last: final; new: recent;
    old: former; people: persons; person: individual; that: which; this: the; these: those; those: these;
    his: the_person's; her: the_person's; their: the_group's; it: this_thing; they: the_group; he: this_person;
    she: this_person; per: for_every; after: following; before: prior_to; than: compared_with; at: around;
    as: like; into: toward; about: concerning; likely: probable; method: approach; type: kind; form: shape;
    part: portion; number: count; value: amount; study: inquiry; case: instance; group: set; work: labour
    """
)
"""Word -> others that can stand for it; a stand-in is grammatical more often than it is apt."""

NAMES: Final = _words(
    """
    Ada Bela Chidi Dana Emre Fatima Goran Hana Igor Jonas Keiko Lars Mina Noor Omar Priya Quinn Rosa Sven Tala
    Ulla Viktor Wren Ximena Yusuf Zora Anouk Bruno Celia Dmitri Elif Freya Gita Hugo Ines Jamal
    """
)
OBJECTS: Final = _words(
    """
    tiles jars lamps stamps bricks ropes shells masks bells drums kites maps coins vases boots scarves clocks
    flutes barrels candles ladders helmets baskets mirrors sketches seedlings notebooks crystals medals puzzles
    """
)
