from __future__ import annotations

import pytest

from detector.taxonomy import LABELS, TAXONOMY, Group, group_of


def test_labels_keep_their_order_because_models_depend_on_it() -> None:
    assert LABELS == (
        "handgun", "revolver", "long_gun", "barrel", "frame_receiver", "slide", "cylinder", "bolt", "suppressor",
        "magazine", "cartridge", "shotshell",
    )  # fmt: skip


def test_every_label_has_a_group_an_article_and_a_colour_of_its_own() -> None:
    assert group_of("long_gun") is Group.FIREARM
    assert group_of("bolt") is Group.PART
    assert group_of("shotshell") is Group.AMMUNITION
    assert TAXONOMY["magazine"].article.startswith("operational")
    assert {info.article for name, info in TAXONOMY.items() if name != "magazine"} == {
        "Art. 3(a)", "Art. 3(b)", "Art. 3(c)",
    }  # fmt: skip
    assert len({info.colour_rgb for info in TAXONOMY.values()}) == len(LABELS)


def test_an_unknown_label_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known labels: handgun"):
        group_of("banana")
