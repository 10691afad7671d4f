"""The fixed words that generated questions are made of."""

NAMES = """Alice Bob Carol David Emma Frank Grace Henry Irene Jack Karen Liam Maria Nina Oscar Paula Quinn Rosa Simon
Tina Ursula Victor Wendy Xavier Yasmin Zoe Adam Bella Carlos Diana Erik Fiona George Hanna Ivan Julia Kevin Laura
Martin Nora Oliver Petra Ralf Sarah Tom Uma Vera Walter Yara Zack Anna Ben Clara Dora Elias Felix Gina Hugo Ida Jonas
Kim Lena Max Nadia Otto Peter Rita Sven Tara Ulrich Viola Will Amir Beatrice Chen Dilan Elena Fatima Goran Hiro Ines
Jamal Keiko Luis Mei Noah Omar Priya Rahul Sofia Tariq Vikram Wei Yuki Arthur Bruno Celia Daniel Edith Flora Gustav
Helga Isaac Jasper Klara Leo Mona Nils Olga Pablo Robert Stella Theo Vincent Astrid Boris Cora Dmitri Esther Fred""".split()

COMMON_WORDS = """apple house planet river stone water green table chair window garden mountain forest paper pencil
music dance summer winter spring autumn orange yellow purple silver golden bread butter cheese pepper sugar salt
coffee kitchen bottle basket button ladder hammer engine wheel bridge castle tower village city street market school
teacher student doctor farmer sailor pilot painter singer writer reader letter number word story book page picture
camera mirror candle lamp light shadow cloud rain snow storm thunder wind ocean island beach sand shell fish whale
shark dolphin horse cow sheep goat chicken duck goose rabbit mouse tiger lion bear wolf fox eagle owl raven sparrow
tree flower grass leaf root seed fruit berry cherry lemon peach plum grape melon carrot potato tomato onion garlic
clock watch minute hour day week month year morning evening night dream sleep walk run jump swim fly climb throw
catch open close begin finish build break carry drive listen speak write learn teach think know hope love laugh smile
cry happy quiet loud quick slow strong weak heavy easy hard warm cold bright dark early late young old small large
round square empty full clean simple strange clever brave gentle honest kernel memory motley model token layer matrix
vector system machine computer network program language world people family friend mother father sister brother king
queen crown sword shield dragon magic wizard giant pirate treasure rocket comet galaxy orbit gravity energy metal
copper iron glass wood leather cotton silk wool blanket pillow jacket shirt shoe glove hat scarf ring necklace stop
level radar pot dog cat star live lamp drawer desserts strap part tip net ten""".split()

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

MONTHS = """January February March April May June July August September October November December""".split()

FILLER_SENTENCES = [
    f"The {thing} was {state}."
    for thing, states in {
        "sky": ("clear", "grey", "full of clouds"),
        "train": ("late", "on time", "nearly empty"),
        "market": ("open", "busy that day", "closed at noon"),
        "garden": ("green", "quiet", "full of bees"),
        "river": ("high", "slow", "cold in spring"),
        "old house": ("painted white", "for sale", "warm inside"),
        "library": ("crowded", "silent", "open until late"),
        "bread": ("fresh", "still warm", "sold out"),
        "road": ("wet", "long and straight", "closed for repairs"),
        "music": ("soft", "too loud", "heard from afar"),
    }.items()
    for state in states
] + [
    "Nobody knew what to say.",
    "It rained all afternoon.",
    "They talked about the weather.",
    "A dog slept near the door.",
    "Someone opened a window.",
    "The meeting started at nine.",
    "Everyone had tea and cake.",
    "The children played outside.",
]

UNKNOWN_REQUESTS = """Who wrote {}?|What is the capital of {}?|Tell me a story about {}.|Write a poem about {}.
Why is the {} blue?|How do I cook {}?|Translate {} into French.|What is the meaning of {}?|Where is {}?|Who is {}?
Write a program for {}.|How old is {}?|What time is it?|What is the weather like?|Tell me a joke.|Explain {} to me.
When was {} invented?|Do you like {}?|How far is {}?|What do you think about {}?|Can you help me with {}?
Give me a recipe for {}.|Who won the {}?|How does a {} work?|Why?|What is {}?|Summarise {}.|Draw a {}.
What is the best {}?|I need a {}.|How many {} are there?|Is {} good for me?|Describe a {}.|Recommend a {}."""
UNKNOWN_REQUESTS = [request.strip() for line in UNKNOWN_REQUESTS.splitlines() for request in line.split("|") if request.strip()]
