"""The nouns that the scene world can draw, with their icons and properties."""

from __future__ import annotations

from dataclasses import dataclass

STYLES = ("noto", "fluent", "flat", "blob")
"""Vendor drawing styles; the first is the default and needs no word in a caption."""

STYLE_WORDS = {"noto": "shaded", "fluent": "glossy", "flat": "flat", "blob": "blob"}


@dataclass(frozen=True)
class Noun:
    """One thing that can stand in a scene.

    Args:
        name: the noun as instructions spell it, singular unless ``plural``.
        icon: iconify name of its picture.
        category: animal, vehicle, food, plant, building, sky, thing, garment, hat, person or face.
        tintable: most of its pixels take another hue without losing the thing.
        plural: spelt in the plural ("glasses"), so it takes no article.
        place: "ground", "air" or "any": where it looks right.
        size: usual longest side, as a fraction of the picture.
        held_out: never drawn in training; only for judging retrieval.
    """

    name: str
    icon: str
    category: str
    tintable: bool = False
    plural: bool = False
    place: str = "ground"
    size: float = 0.42
    held_out: bool = False

    @property
    def rare(self) -> bool:
        """Drawn less often, so that frequent requests are learnt first."""
        return self.name.replace(" ", "_") in _RARE


# One line per noun: "name", "name=icon", with flags after it:
# * tintable, ^ air, + plural, ! held out of training.
_TABLE: dict[str, tuple[float, str]] = {
    "animal": (
        0.40,
        "cat dog fox lion tiger horse unicorn zebra deer cow pig sheep=ewe goat camel! llama giraffe "
        "elephant rhino=rhinoceros hippo=hippopotamus! mouse rabbit hedgehog! bat^! bear koala panda "
        "kangaroo! rooster penguin duck swan owl flamingo! peacock parrot* frog crocodile turtle snake* "
        "dragon* dinosaur=sauropod* whale=spouting-whale* dolphin* fish* tropical_fish=tropical-fish* "
        "shark octopus* crab* squid!* snail butterfly^* ant! bee=honeybee^ ladybug=lady-beetle* monkey "
        "gorilla! squirrel=chipmunk wolf eagle^ chick=baby-chick poodle seal! lobster!*",
    ),
    "vehicle": (
        0.44,
        "car=automobile* taxi bus* ambulance! fire_truck=fire-engine police_car=police-car "
        "jeep=sport-utility-vehicle* truck=delivery-truck lorry=articulated-lorry! tractor "
        "race_car=racing-car* motorcycle* scooter=motor-scooter* bicycle train=locomotive tram=tram-car! "
        "sailboat speedboat canoe ship airplane^ helicopter^* rocket^ ufo=flying-saucer^",
    ),
    "food": (
        0.30,
        "grapes+* melon! watermelon orange=tangerine lemon banana pineapple apple=red-apple* pear* peach "
        "cherries+* strawberry kiwi=kiwi-fruit! tomato* eggplant* carrot corn=ear-of-corn "
        "pepper=hot-pepper* broccoli mushroom* bread croissant pretzel! cheese=cheese-wedge hamburger "
        "french_fries=french-fries+ pizza hot_dog=hot-dog sandwich taco! ice_cream=soft-ice-cream "
        "donut=doughnut* cookie birthday_cake=birthday-cake cake=shortcake cupcake* candy* lollipop* "
        "honey_pot=honey-pot coffee_cup=hot-beverage cocktail=tropical-drink beer=beer-mug egg",
    ),
    "plant": (
        0.42,
        "rose* hibiscus!* sunflower blossom* tulip* seedling pine_tree=evergreen-tree "
        "tree=deciduous-tree* palm_tree=palm-tree cactus maple_leaf=maple-leaf* bouquet "
        "christmas_tree=christmas-tree potted_plant=potted-plant",
    ),
    "building": (
        0.50,
        "house* office_building=office-building hospital castle church mosque! tent* "
        "pagoda=japanese-castle! fountain ferris_wheel=ferris-wheel circus_tent=circus-tent hut factory",
    ),
    "sky": (0.26, "sun^ cloud^ rainbow^ moon=crescent-moon^* star^* planet=ringed-planet^* balloon^* kite^*"),
    "thing": (
        0.32,
        "umbrella* campfire=fire snowman pumpkin=jack-o-lantern gift=wrapped-gift* trophy* "
        "soccer_ball=soccer-ball basketball* baseball! tennis_racket=tennis* guitar violin trumpet* "
        "saxophone drum* accordion!* microphone radio television camera telephone* laptop "
        "light_bulb=light-bulb* candle* book=closed-book* newspaper envelope box=package* pencil* "
        "briefcase* scissors+* lock=locked* key* hammer axe! bomb shield magnet* telescope microscope "
        "door* bed bathtub chair* alarm_clock=alarm-clock* hourglass=hourglass-done! anchor* bell* "
        "heart=red-heart* gem=gem-stone* ring crystal_ball=crystal-ball* game_controller=video-game "
        "dice=game-die teddy_bear=teddy-bear* puzzle_piece=puzzle-piece* palette=artist-palette "
        "money_bag=money-bag* bucket basket broom sled!* ghost robot* skull teapot* amphora* "
        "statue=moai* mirror",
    ),
    "garment": (
        0.34,
        "t-shirt* jeans+* dress* coat* kimono* bikini* tie=necktie* scarf* gloves+* socks+* "
        "shoe=mans-shoe* sneaker=running-shoe* high_heel=high-heeled-shoe* boot=womans-boot* handbag* "
        "backpack*",
    ),
    "hat": (
        0.28,
        "crown* top_hat=top-hat cap=billed-cap* sun_hat=womans-hat graduation_cap=graduation-cap "
        "helmet=rescue-workers-helmet glasses+* sunglasses+",
    ),
    "person": (
        0.42,
        "man woman boy girl baby old_man=old-man old_woman=old-woman santa=santa-claus prince princess "
        "police_officer=police-officer chef=woman-cook farmer=man-farmer astronaut=man-astronaut "
        "firefighter=woman-firefighter clown=clown-face",
    ),
    "face": (
        0.40,
        "happy_face=slightly-smiling-face* laughing_face=grinning-face* winking_face=winking-face* "
        "crying_face=crying-face* angry_face=angry-face* sleeping_face=sleeping-face* "
        "surprised_face=face-with-open-mouth* sad_face=slightly-frowning-face* "
        "neutral_face=neutral-face* silly_face=face-with-tongue* "
        "loving_face=smiling-face-with-heart-eyes* scared_face=face-screaming-in-fear",
    ),
}

HAIR = {
    "blond": "blond-hair",
    "red": "red-hair",
    "curly": "curly-hair",
    "white": "white-hair",
    "bald": "bald",
}
"""Hair that icons of people come with: its word, and the ending of the icon's name."""
HAIRY = ("man", "woman")

_SIZES = {
    "elephant": 0.52, "giraffe": 0.56, "dinosaur": 0.54, "whale": 0.50, "mouse": 0.28, "bee": 0.22,
    "ladybug": 0.22,
    "butterfly": 0.28, "snail": 0.28, "chick": 0.26, "crab": 0.32, "ant": 0.24, "frog": 0.30,
    "squirrel": 0.32,
    "bus": 0.50, "truck": 0.50, "ship": 0.52, "train": 0.50, "seedling": 0.24, "rose": 0.34,
    "pine tree": 0.54,
    "tree": 0.54, "palm tree": 0.56, "castle": 0.56, "ring": 0.24, "dice": 0.24, "key": 0.24, "hut": 0.46,
    "maple leaf": 0.30, "tent": 0.44, "sun": 0.28, "rainbow": 0.44, "bed": 0.44, "bathtub": 0.42,
    "door": 0.42,
    "chair": 0.40, "guitar": 0.42, "umbrella": 0.40, "dress": 0.40, "coat": 0.40, "kimono": 0.40,
}  # fmt: skip


_RARE_WORDS = (
    "llama rhino hedgehog chick poodle goat crocodile snail squirrel peacock octopus crab tropical_fish "
    "jeep tractor race_car speedboat canoe ship scooter bread croissant cheese corn pepper broccoli "
    "eggplant sandwich egg honey_pot cocktail cookie candy cake peach pear tomato maple_leaf "
    "potted_plant bouquet blossom factory hut hospital office_building fountain circus_tent planet kite "
    "radio microphone newspaper envelope lock hammer bomb shield magnet microscope anchor ring "
    "crystal_ball game_controller dice puzzle_piece palette money_bag bucket basket broom amphora statue "
    "mirror bathtub trumpet saxophone violin telephone briefcase kimono bikini tie gloves socks "
    "high_heel boot handbag sneaker tennis_racket farmer firefighter clown scissors pencil box"
)
_RARE = frozenset(_RARE_WORDS.split())


def _read(table: dict[str, tuple[float, str]]) -> dict[str, Noun]:
    nouns = {}
    for category, (size, words) in table.items():
        for word in words.split():
            core = word.rstrip("*^+!")
            flags = word[len(core) :]
            spelling, _, icon = core.partition("=")
            name = spelling.replace("_", " ")
            nouns[name] = Noun(
                name=name,
                icon=icon or spelling.replace("_", "-"),
                category=category,
                tintable="*" in flags,
                plural="+" in flags,
                place="air" if "^" in flags else "ground",
                size=_SIZES.get(name, size),
                held_out="!" in flags,
            )
    return nouns


NOUNS: dict[str, Noun] = _read(_TABLE)
HELD_OUT_NAMES: tuple[str, ...] = tuple(n.name for n in NOUNS.values() if n.held_out)
"""Nouns that no training sample draws or mentions; retrieval is judged on them."""

FACE_WORDS: dict[str, tuple[str, str]] = {
    "happy face": ("smile", "happy"),
    "laughing face": ("laugh", "laughing"),
    "winking face": ("wink", "winking"),
    "crying face": ("cry", "crying"),
    "angry face": ("look angry", "angry"),
    "sleeping face": ("sleep", "sleeping"),
    "surprised face": ("look surprised", "surprised"),
    "sad face": ("look sad", "sad"),
    "neutral face": ("look neutral", "neutral"),
    "silly face": ("stick out the tongue", "silly"),
    "loving face": ("look in love", "loving"),
    "scared face": ("look scared", "scared"),
}
"""Faces by expression: how an instruction asks for one, and what it calls it."""
