from pathlib import Path

import pytest

from datasets.errors import RecipeError
from datasets.render.recipe import PRESETS, Recipe


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_loads_and_names_itself(preset: str) -> None:
    assert Recipe.load(preset).name == preset


def test_file_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("name: site\nviews: 2\nlong_side_px: [200, 300]\n")
    recipe = Recipe.load(path)
    assert recipe == Recipe(name="site", views=2, long_side_px=(200, 300))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("closeup_share: 0.1", "unknown recipe key 'closeup_share'; known keys: name, views"),
        ("close_up_share: 1.5", "close_up_share in 0..1, got 1.5"),
        ("close_up_share: often", "'close_up_share': expected float, got 'often'"),
        ("views: 3", "views 1 or 2"),
        ("views: true", "'views': expected int"),
        ("firearm_share: 0.9", "add up to at most 1"),
        ("long_side_px: [600, 400]", "long_side_px as"),
        ("jpeg_quality: 90", "'jpeg_quality'"),
        ("families: {rocket: [a]}", "unknown label 'rocket'"),
        ("split: {dev: 1}", "unknown split 'dev'"),
        ("split: {train: 0}", "split shares"),
        ("scanner: nobody", "a scanner out of ochre_teal, pure_blue"),
        ("name: ../up", "name of letters"),
        ("- 1", "key: value"),
        ("a: [", "not valid YAML"),
    ],
)
def test_wrong_recipe_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        Recipe.load(path)
    assert says in str(caught.value)


def test_missing_file_names_the_presets(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="train, bags, benign, calibration, test"):
        Recipe.load(tmp_path / "none.yaml")


def test_digest_follows_every_value() -> None:
    recipe = Recipe()
    assert recipe.digest() == Recipe().digest()
    assert recipe.digest() != Recipe(min_visibility=0.21).digest()
    assert recipe.digest() != Recipe(holdout_families={"handgun": ("a",)}).digest()


def test_split_keeps_its_shares_and_never_moves_a_parcel() -> None:
    recipe = Recipe(split={"train": 0.8, "val": 0.2})
    ids = [recipe.parcel_id(1, index) for index in range(1500)]
    splits = [recipe.split_of(parcel_id) for parcel_id in ids]
    assert abs(splits.count("val") / len(splits) - 0.2) < 0.04
    assert "test" not in splits
    assert splits[:100] == [recipe.split_of(parcel_id) for parcel_id in ids[:100]]
    assert {Recipe.load("test").split_of(parcel_id) for parcel_id in ids} == {"test"}


def test_the_train_recipe_keeps_its_ids_as_long_as_the_renderer_keeps_its_version() -> None:
    # With another digest the same seeds would give other ids and splits; the version alone may change it.
    assert Recipe.load("train").digest()[:12] == "5aa500f434a7"
    assert Recipe(scanner="vivid").digest() != Recipe().digest()
