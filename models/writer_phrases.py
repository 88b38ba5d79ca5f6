"""The sentences from which writer_corpus.py builds its texts. All of them were written for this project.

Words in braces are filled in by the story's own slots; see Writer.slots_for.
"""

NAMES_HER = """Ada Alma Anna Bea Bella Bianca Carla Celia Clara Cora Daisy Dora Edith Ella Elsa Emma Esme Eva Fay Flora Frida Gemma
Greta Hanna Hazel Ida Inga Iris Ivy Jana Jane Julia June Kira Lara Lena Lily Lina Lola Lotte Lucy Luna Mabel Maria Marta Maya Mila
Mina Molly Nadia Nell Nina Nora Olga Olive Paula Pia Poppy Rita Rosa Ruby Sally Sara Selma Sofia Stella Tara Tess Thea Tilda Una Vera
Willa Wren Zoe Zora""".split()
NAMES_HIM = """Adam Alan Albert Alfie Anton Arlo Ben Bernard Boris Bruno Carl Casper Charlie Cyril Dan David Edgar Eli Emil Erik Ernest
Felix Finn Frank Fred George Gus Hal Harry Henry Hugo Igor Ivan Jack Jakob Jasper Jim Joe John Jonas Karl Kit Leo Leon Levi Lou Luke
Mark Martin Max Milo Moritz Ned Nico Noah Oliver Oscar Otto Owen Paul Percy Peter Quentin Ralph Ray Robin Rufus Sam Simon Stan Teddy
Theo Tim Tobias Tom Victor Walter Will Yuri""".split()
FEMALE = set("queen princess witch grandmother girl mother fairy mermaid hen cow goose actress nun duchess waitress sister aunt woman".split())
MALE = set("king prince knight wizard grandfather boy father rooster monk duke waiter brother uncle postman fisherman man".split())

MORE_ANIMALS = """kangaroo giraffe zebra camel otter beaver seal crab lobster octopus jellyfish starfish raven eagle hawk falcon pigeon dove
seagull stork heron flamingo peacock ostrich turkey bat mole rat hamster guinea pig weasel ferret lynx panther leopard cheetah hyena jackal
hippo rhino gorilla koala panda sloth lizard snake crocodile dinosaur chameleon salamander newt beetle ladybird dragonfly moth firefly cricket
grasshopper caterpillar worm shark seahorse salmon trout moose reindeer buffalo yak llama puppy kitten lamb foal duckling cub""".replace("guinea pig", "guinea_pig").split()
MORE_ANIMALS = [w.replace("_", " ") for w in MORE_ANIMALS]
MORE_PERSONS = """cook chef waiter tailor shoemaker blacksmith carpenter miner hunter merchant thief spy lawyer judge mayor nurse dentist
plumber engineer programmer pilot driver captain cyclist runner dancer singer actor poet writer poet juggler clown magician acrobat
photographer reporter beekeeper florist butcher miller weaver potter monk nun duke duchess emperor hermit goblin troll vampire zombie alien
genie angel student pupil tourist traveller neighbour stranger beggar lighthouse_keeper night_watchman toymaker inventor explorer mountaineer
diver swimmer footballer goalkeeper sister brother aunt uncle cousin grandchild baby twin""".split()
MORE_PERSONS = [w.replace("_", " ") for w in MORE_PERSONS]
MORE_THINGS = """chair table spoon fork cup plate kettle pan oven stove fridge sofa bed pillow blanket carpet curtain basket bucket broom
ladder hammer saw nail needle thread button coat hat scarf glove shoe boot sock shirt dress ring necklace crown coin purse wallet bag
suitcase backpack box chest drum trumpet flute guitar harp radio television telephone camera computer laptop screen keyboard rocket
spaceship satellite planet comet balloon airplane helicopter submarine tractor truck bus taxi tram car engine wheel anchor sail rope net
tent lantern torch compass telescope microscope pencil pen notebook diary newspaper poster stamp postcard photograph painting statue
fountain well tower castle palace cabin cottage barn mill windmill factory library museum theatre cinema cafe restaurant market shop
station airport harbour street square park playground school classroom kitchen attic cellar staircase chimney roof fence gate path road
hill valley cave cliff beach dune waterfall pond puddle swamp jungle meadow field vineyard orchard leaf branch root seed acorn mushroom
berry apple pear plum cherry lemon orange banana melon pumpkin carrot potato onion tomato soup cake cookie pancake pie cheese egg
sandwich pizza noodle rice honey jam sugar salt tea milk chocolate ice_cream rainbow thunder lightning hail frost dew mist tide wave
shadow echo whisper song melody secret memory promise wish riddle game puzzle doll teddy_bear ball marble swing carousel circus feather
shell stone pebble crystal diamond sword shield arrow wand potion spell treasure""".split()
MORE_THINGS = [w.replace("_", " ") for w in MORE_THINGS]

PLAIN_ADJECTIVES = {
    "animal": ["small", "brave", "curious", "quiet", "hungry", "clever", "shy", "funny", "lonely", "gentle", "young", "old", "restless", "stubborn"],
    "person": ["young", "old", "kind", "tired", "cheerful", "clever", "lonely", "curious", "patient", "brave", "quiet", "stubborn", "clumsy", "honest"],
    "thing": ["old", "small", "strange", "golden", "broken", "forgotten", "silver", "blue", "red", "wonderful", "lost", "plain", "heavy", "quiet"]}
PLAIN_PLACES = ["the village", "the old bridge", "the river", "the market", "the hills", "the harbour", "a quiet street", "the edge of town",
                "the lake", "the last house in the lane", "a small town", "the crossroads", "the woods", "the station"]
PLAIN_DOINGS = {
    "animal": ["wakes with the sun", "follows the river", "sleeps in the shade", "looks for something to eat", "hides from the rain",
               "listens to the wind", "plays in the leaves", "watches the clouds go by", "dreams of far places"],
    "person": ["works until dark", "sings on the way home", "drinks tea by the window", "dreams of far places", "walks through the town",
               "forgets the time", "laughs at the rain", "writes long letters", "gets up before the sun"],
    "thing": ["waits in the corner", "shines in the sun", "keeps a secret", "gathers dust", "remembers other days", "lies in the grass",
              "belongs to nobody", "catches the light", "sleeps through the winter"]}
PLAIN_IMAGES = ["light upon the floor", "a small sound in the dark", "dust that turns to gold", "a shadow on the wall", "rain against the glass",
                "a breath of evening air", "footsteps in the grass", "a window left ajar", "the long road going home", "a quiet afternoon",
                "leaves along the path", "the first star over town"]

LOST_THINGS = ["a silver bell", "a red button", "an old key", "a blue marble", "a small brass coin", "a letter with no name on it", "a lost mitten",
               "a map drawn in pencil", "a ring with a green stone", "a box that would not open", "a tiny golden feather", "a broken watch",
               "a lantern that still glowed", "a book without a title", "a bottle with a note inside"]
GIFTS = ["a warm scarf", "a basket of apples", "a jar of honey", "a small wooden boat", "a drawing of the two of them", "a handful of seeds",
         "a song", "a round white stone", "half of a cake", "a paper crown", "a pair of woollen socks", "a bunch of wild flowers"]
WEATHER = ["rainy", "windy", "bright", "cold", "foggy", "warm", "snowy", "stormy", "grey", "sunny", "frosty", "quiet"]
FOODS = ["warm bread", "apple pie", "onion soup", "pancakes", "roasted chestnuts", "honey cakes", "hot tea", "plum jam", "potato soup", "ginger biscuits"]
TIMES = ["one morning", "one evening", "one night", "one afternoon", "one day", "early one day", "on the first day of the week", "just before dawn",
         "late one night", "one cold morning"]
SEASONS = ["spring", "summer", "autumn", "winter"]
FAR_PLACES = ["the sea", "the other side of the mountain", "the big city", "the end of the river", "the island nobody had named", "the old tower",
              "the valley of bells", "the snow country", "the hidden lake", "the castle on the hill"]
SKILLS = ["to sing", "to dance", "to swim", "to paint", "to fly a kite", "to bake bread", "to play the flute", "to read the stars", "to whistle",
          "to skate", "to tell a good story", "to climb"]
SOUNDS = ["a soft knocking", "a strange humming", "a small cry", "a bell", "somebody singing", "a scratching sound", "a low whistle",
          "footsteps", "a sneeze", "music"]

OPENINGS_ALIVE = [
    "once upon a time there was a {adj} {hero} named {name} who lived near {place}.",
    "near {place} lived a {adj} {hero} called {name}.",
    "{name} was a {adj} {hero}, and {place} was {their} whole world.",
    "there was once a {hero} called {name}. {they} was {adj} and a little {adj2}.",
    "long ago, near {place}, there lived a {adj} {hero}. {their} name was {name}.",
    "everybody near {place} knew {name}, the {adj} {hero}.",
    "{name} the {hero} was {adj}, but nobody had ever told {them} so.",
    "in a {season} that people still talk about, a {adj} {hero} named {name} came to {place}.",
    "this is the story of {name}, a {adj} {hero} who lived close to {place}.",
    "of all the creatures near {place}, none was as {adj} as {name} the {hero}.",
    "a {adj} {hero} named {name} woke up on a {weather} morning near {place}.",
    "it was a {weather} day near {place}, and {name} the {hero} could not sit still.",
]
HABITS = [
    "every day was much like the one before.", "{they} was known for two things: a good heart and a loud laugh.",
    "in the morning {they} walked to {place}, and in the evening {they} walked back.",
    "{they} had few friends, but {they} had a great many thoughts.", "{their} favourite thing in the world was {food}.",
    "people said that nobody could keep a secret as well as {name}.", "at night {they} lay awake and listened to the wind.",
    "{they} liked {weather} days best.", "{they} was happy enough, though something seemed to be missing.",
    "{they} never went to bed without saying good night to the moon.", "{they} had one dream: to see {far}.",
]

PLOTS_ALIVE = [
    [  # a thing found and given back
        ["{time} {they} found {lost} under a stone.", "{time}, on the way to {place}, {name} found {lost}.", "{time} {name} stumbled over {lost} in the grass.",
         "{time} the wind blew {lost} right in front of {their} feet."],
        ["\"who could have lost this?\" {they} wondered.", "it was beautiful, and for a moment {they} wanted to keep it.", "{they} turned it over and over, but it told {them} nothing.",
         "{they} knew at once that somebody must be missing it."],
        ["{they} asked everyone along the way, but they all shook their heads.", "{they} knocked on every door, and at every door the answer was no.",
         "so {they} set out to find the owner, though the road was long and the day was {weather}.", "{they} walked until {their} feet hurt."],
        ["at last {they} came to a {friend_adj} {friend} who was crying. \"that is mine!\" said the {friend}. \"I thought it was gone for ever.\"",
         "near the old bridge sat a {friend_adj} {friend}, looking for something in the grass. {name} held it out without a word.",
         "then {they} met {friend_name}, a {friend_adj} {friend}, whose eyes grew wide. \"you found it!\""],
        ["the {friend} was so glad that {they} was given {gift} in return.", "the {friend} hugged {them} and would not let go.", "from that day on, the {friend} and the {hero} were never seen apart.",
         "they shared {food} and talked until the stars came out."],
    ],
    [  # learning a skill
        ["more than anything, {name} wanted to learn {skill}.", "{time} {name} decided that it was time to learn {skill}.", "there was only one thing {they} could not do: {name} had never learned {skill}."],
        ["the first try went badly, and so did the second.", "{they} tried all morning, and everyone laughed.", "\"a {hero} cannot learn that,\" said the neighbours.", "{they} practised where nobody could see {them}, but it was no use."],
        ["then a {friend_adj} {friend} came by and said, \"you are doing it with your head. do it with your heart.\"", "a {friend_adj} {friend} called {friend_name} stopped to watch. \"slowly,\" said the {friend}. \"begin with the smallest part.\"",
         "that night {they} met a {friend_adj} {friend} who knew the trick of it."],
        ["day after day they practised together near {place}.", "for a whole {season} {they} tried again each morning.", "{they} fell, {they} got up, and {they} fell again.", "little by little it became easier."],
        ["and then, on a {weather} day, it simply worked.", "one evening {they} forgot to be afraid, and there it was.", "when the day of the feast came, {name} showed them all, and nobody laughed.", "soon the others came and asked {them} to teach them."],
    ],
    [  # a storm
        ["{time} the sky turned black and a storm came over the hills.", "then came the great storm.", "{time} the wind began to howl, and the river rose."],
        ["the {hero} ran for shelter near {place}.", "{name} shut the door and lit a small lamp.", "everyone hid, but {name} heard somebody calling for help."],
        ["out in the rain stood a {friend_adj} {friend}, wet and shivering.", "a {friend_adj} {friend} was caught under a fallen branch.", "on the other side of the water {they} saw a {friend_adj} {friend}, too frightened to move."],
        ["{they} did not think twice and ran out into the dark.", "\"hold on!\" cried {name}. \"I am coming!\"", "{they} took a rope in {their} teeth and stepped into the cold water.", "the thunder was loud, but {they} went on, step by step."],
        ["together they reached a dry place and waited for morning.", "when the sun came up, they were safe, tired and hungry.", "they warmed themselves and shared {food} until the storm was over."],
    ],
    [  # loneliness and a friend
        ["but {name} was lonely.", "all the same, {they} had nobody to talk to.", "in {season} the evenings grew long, and {they} wished for a friend."],
        ["{time} {they} wrote a note that said, \"is anybody there?\" and let the wind carry it off.", "{time} {they} packed {food} and set out to find somebody who would listen.", "{they} talked to the stones, but the stones never answered."],
        ["three days later there was a knock.", "at the end of the road {they} saw a light.", "near {place} {they} heard {sound}."],
        ["it was a {friend_adj} {friend}. \"I am lonely too,\" said the {friend}.", "there stood a {friend_adj} {friend} named {friend_name}, holding {gift}.", "a {friend_adj} {friend} looked up and smiled. \"sit down. there is room for two.\""],
        ["they talked until the sun came up.", "after that, no evening was too long.", "they made a plan to meet every day, and they kept it.", "it turned out that they both loved {food} and {weather} days."],
    ],
    [  # a strange sound
        ["{time} {name} heard {sound}.", "{time} {they} was woken by {sound}.", "it all began with {sound}."],
        ["it came from behind the wall.", "it came from somewhere near {place}.", "it stopped when {they} listened and began again when {they} did not.", "nobody else could hear it."],
        ["{they} took a lantern and went to look.", "{their} heart beat fast, but {they} went closer.", "\"who is there?\" {they} whispered.", "{they} followed it down a path {they} had never seen before."],
        ["behind a door covered with leaves sat a {friend_adj} {friend}, reading aloud.", "it was only a {friend_adj} {friend} who had lost the way home.", "there {they} found {lost}, and next to it a {friend_adj} {friend}, fast asleep."],
        ["\"you may come in,\" said the {friend}, \"if you can keep a secret.\"", "they both laughed, because each had been afraid of the other.", "{name} promised to come back the next night, and so {they} did."],
    ],
    [  # a journey
        ["{time} {name} packed a small bag and set out for {far}.", "{name} had heard so much about {far} that {time} {they} simply left.", "\"I will see {far} before the {season} ends,\" said {name}."],
        ["the road was longer than {they} had thought.", "on the first day it was {weather}, and on the second it was worse.", "{they} slept under the trees and ate {food}."],
        ["halfway there {they} met a {friend_adj} {friend} who was going the same way.", "at a crossroads sat a {friend_adj} {friend}. \"left or right?\" asked {name}. \"that depends on what you want to find,\" said the {friend}.",
         "a {friend_adj} {friend} warned {them} to turn back."],
        ["they crossed a river, two hills and one very dark wood.", "when {they} was about to give up, the trees opened, and there it was.", "they got lost twice and laughed about it both times."],
        ["{far} was smaller than {they} had imagined, and far more beautiful.", "{they} sat down and looked at it for a long time.", "\"now I know,\" said {name}, \"that the best part was the way.\""],
    ],
    [  # something that grows
        ["{time} {name} planted a seed that nobody could name.", "{time} {they} found a seed in {their} pocket and put it into the ground.", "a bird dropped a seed at {name}'s feet and flew off."],
        ["every day {they} watered it, and every day there was nothing to see.", "\"it will never grow,\" said the neighbours.", "it was {weather} for weeks, and the earth stayed bare."],
        ["then a {friend_adj} {friend} came by and sat down next to {them}. \"let us wait together,\" said the {friend}.", "only {friend_name}, a {friend_adj} {friend}, believed in it.",
         "a {friend_adj} {friend} brought {gift} and stayed to help."],
        ["one morning there was a green tip, no longer than a thumb.", "in {season}, when nobody was looking, it broke through the earth.", "and one night, very quietly, it began to grow."],
        ["by the end of the {season} it was a tree, and the whole village sat in its shade.", "it bore one single flower, and its scent reached as far as {place}.", "\"you see,\" said {name}, \"it was only thinking.\""],
    ],
    [  # a letter
        ["{time} a letter lay on the doorstep. it was not for {name}.", "{time} {name} got a letter with no name on it.", "{time} the postman brought {name} a letter that was forty years old."],
        ["inside there were only five words: \"come before the first snow.\"", "\"meet me near {place},\" it said, \"and bring {food}.\"", "it smelled of smoke and lavender, and the writing was hard to read."],
        ["{they} could not sleep, so {they} put on a coat and went.", "{they} read it again and again. then {they} packed {food}.", "\"do not go,\" said everyone. {name} went all the same."],
        ["near {place} waited a {friend_adj} {friend}. \"I wrote it,\" said the {friend}. \"I did not think that anyone would come.\"", "a {friend_adj} {friend} opened the door and was very surprised.",
         "a light was burning, and beside it sat a {friend_adj} {friend} called {friend_name}."],
        ["they ate {food} and told each other everything.", "it had been meant for somebody else, but neither of them minded.", "since then {name} writes a letter every week, and the {friend} answers."],
    ],
    [  # a small magic
        ["{time} an old woman gave {name} {lost}. \"it grants one wish,\" she said, \"and only one.\"", "{time} {name} found {lost}, and when {they} touched it, it spoke.", "{time} {they} saw a star fall, not far from {place}."],
        ["{name} thought about it for three days and three nights.", "{they} could wish for gold, or for wings, or for {food} without end.", "\"be careful,\" said the wind, \"for wishes are heavy.\""],
        ["on the fourth day {they} met a {friend_adj} {friend} who could not find the way home.", "then {they} saw a {friend_adj} {friend}, hungry and cold.", "that same evening a {friend_adj} {friend} lay sick in the house next door."],
        ["{name} did not have to think any longer. {they} gave the wish away.", "\"I wish that you were well and safe,\" said {name}.", "{they} closed {their} eyes and wished, and it was not for {them}."],
        ["and the {friend} laughed, and that was magic enough.", "nothing sparkled and nothing rang, but the {friend} was home.", "the magic was gone, but {name} had a friend."],
    ],
    [  # a contest
        ["every year in {season} there was a great race near {place}. this time a {friend_adj} {friend} had come to win it.", "{time} a {friend_adj} {friend} boasted that nobody was faster.", "the whole village came together for the great contest, and everyone knew who would win: a {friend_adj} {friend} called {friend_name}."],
        ["{name} had never won anything.", "nobody thought that a {hero} could win.", "\"why do you even try?\" asked the {friend}."],
        ["when the bell rang, they all ran off, and {name} was last.", "the {friend} was far ahead from the start.", "{they} took a deep breath and began."],
        ["but then the {friend} slipped and fell into the mud. {name} stopped and held out a hand.", "halfway along {they} saw the {friend} sitting by the road with a hurt foot.", "just before the end the {friend} fell. {they} could have won, but {they} turned round to help."],
        ["they crossed the line together, and the crowd went wild.", "nobody remembers who came first that day, but everyone remembers {name}.", "the prize was {gift}, and they shared it."],
    ],
]

OPENINGS_THING = [
    "{name} was a {adj} {hero} who had never thought much about {the_topic}.",
    "{time} a {adj} {hero} named {name} stood at the window and thought of {the_topic}.",
    "there was once a {hero} named {name} who loved {the_topic} more than anything else.",
    "near {place} there lived a {adj} {hero} called {name}.",
    "people near {place} told many stories about {the_topic}, and {name} knew them all.",
    "long ago, when {the_topic} was still young, a {hero} named {name} lived near {place}.",
    "it was a {weather} day when {name} first heard about {the_topic}.",
    "\"do not forget {the_topic},\" {name}'s grandmother used to say.",
    "this is a story about {the_topic}, and about a {hero} called {name}.",
]
PLOTS_THING = [
    [
        ["{time} {they} went out to look for {a_topic}.", "{time} {they} could think of nothing but {the_topic}.", "{they} had been waiting for {the_topic} since the last {season}."],
        ["the way led past {place} and over a hill.", "{they} took {food} and a small lamp along.", "nobody wanted to come along, so {they} went alone."],
        ["on the way {they} met a {friend_adj} {friend} who asked, \"where are you going?\" \"to find {the_topic},\" said {name}.", "a {friend_adj} {friend} sat by the road and shook its head. \"{the_topic}? I have not seen that for years.\"",
         "\"I will help you,\" said a {friend_adj} {friend}, \"for I am fond of {the_topic} too.\""],
        ["and then {they} saw it: {the_topic}, {topic_adj} and closer than ever before.", "at the end of the day there was {the_topic}, {topic_adj}, just as {they} had dreamed.", "suddenly everything grew quiet, and there was {the_topic}."],
        ["{name} did not say a word for a long time.", "{they} laughed out loud, and the {friend} laughed too.", "\"it is even more beautiful than in the stories,\" said {name}."],
    ],
    [
        ["one thing was strange about {the_topic}: only {name} seemed to notice it.", "everyone passed by, but {name} stopped to look at {the_topic}.", "to the others it was only {a_topic}; to {name} it was a friend."],
        ["{they} came back every day, even when it was {weather}.", "in the evening {they} told it everything that had happened.", "{they} drew {the_topic} in a small book and wrote the date under it."],
        ["then {time} {the_topic} was gone.", "but in {season} something changed.", "{time} a {friend_adj} {friend} came and wanted to know why."],
        ["{name} searched near {place} until it was dark.", "\"nothing is ever really lost,\" said an old {friend}.", "{they} sat down and waited, for {they} was {adj} and did not give up."],
        ["in the morning {the_topic} was there again, {topic_adj} as before.", "and there, where nobody had looked, was {the_topic}.", "when {they} opened {their} eyes, {the_topic} seemed to smile."],
    ],
    [
        ["{time} {name} found {lost} and, wrapped around it, a note: \"follow {the_topic}.\"", "{time} a letter came. it said only: \"{the_topic} knows the answer.\"", "{time} {they} dreamed of {the_topic}, three nights in a row."],
        ["{they} did not understand, but {they} put on {their} coat and went.", "\"nonsense,\" said the neighbours, but {name} had made up {their} mind.", "so {they} walked all the way to {place}."],
        ["there sat a {friend_adj} {friend}, as if it had been waiting. \"you are late,\" said the {friend}.", "all {they} found was a {friend_adj} {friend}, asleep under a tree.", "there was {the_topic}, and beside it stood a {friend_adj} {friend}."],
        ["together they looked at {the_topic} until they saw what nobody else had seen.", "\"look closely,\" said the {friend}. and there, in {the_topic}, was a small light.", "the {friend} told {them} an old story, and in it {the_topic} had a name."],
        ["{name} kept the secret for the rest of {their} life.", "then {they} understood, and the way home was easy.", "{they} wrote it all down, so that it would not be forgotten."],
    ],
]

INTERLUDES = [
    "the moon came up, and for a while neither of them spoke.", "somewhere a bell rang, and the shadows grew long.",
    "they sat down and shared {food}, and the world felt a little warmer.", "it began to rain, but nobody minded.",
    "a cloud passed over the sun, and {name} thought of home.", "the wind had gone to sleep, and even the birds were quiet.",
    "far away a dog barked twice and then was still.", "above them the first stars came out, one after the other.",
]
DIALOGUE = [
    "\"are you afraid?\" asked the {friend}. \"a little,\" said {name}. \"good,\" said the {friend}. \"so am I.\"",
    "\"what will you do now?\" asked the {friend}. \"I will go home,\" said {name}, \"and tomorrow I will come back.\"",
    "\"why are you so kind to me?\" asked the {friend}. \"because somebody was once kind to me,\" said {name}.",
    "\"do you believe in luck?\" asked the {friend}. \"only on {weather} days,\" said {name}.",
    "\"thank you,\" said the {friend}. \"what for?\" asked {name}. \"for not looking away.\"",
    "\"is it far?\" asked {name}. \"everything is far,\" said the {friend}, \"until you get there.\"",
]
ENDINGS = {
    "happy": ["and if you pass by {place} on a {weather} evening, you may still hear them laugh.", "from that day on, {name} was never lonely again.",
              "that night {they} slept better than ever before.", "and they lived happily, with {food} every Sunday.",
              "{name} went home with a light heart, and the stars went with {them}.", "it was the best day of the whole {season}.",
              "and {name} knew that {they} would tell this story for many years.", "\"tomorrow,\" said {name}, \"we will do it all again.\" and they did.",
              "the end of the story is short: they stayed friends.", "{name} smiled, and the world smiled back."],
    "sad": ["but in the morning the {friend} was gone, and only footprints were left in the snow.", "{name} waited for many years, but nobody ever came back.",
            "that evening {they} sat alone by the window, and the rain ran down the glass like tears.", "the lamp went out, and {name} never lit it again.",
            "{they} still goes to {place} every {season}, and every time {they} comes home alone.", "and so they said goodbye, and both of them knew it was for ever.",
            "{name} wept quietly, for some things cannot be mended.", "the place is empty now, and only the wind remembers {their} name."],
    "funny": ["then {name} sneezed so hard that {their} hat flew into the soup, and everybody had to laugh.", "only later did {they} notice that {they} had worn {their} coat inside out all day.",
              "\"next time,\" said the {friend}, \"we bring a bigger spoon.\"", "and that is why, to this day, no {hero} near {place} is allowed to own a trumpet.",
              "the goose got the last piece of cake, as geese always do.", "they all agreed never to speak of the pancakes again.",
              "and when {name} finally sat down, {they} sat down on the {friend}."],
    "scary": ["then, behind them, something began to breathe.", "the door fell shut, and the key was on the other side.", "when {name} looked back, the {friend} had no shadow.",
              "nobody near {place} has slept with the window open since that night.", "in the morning the bed was empty, and the mirror was cracked from side to side.",
              "and from the dark a voice said, very softly: \"{name}.\"", "{they} counted the steps on the stairs. there was one too many."],
}
TITLES = ["The {hero} and the {friend}", "{name}'s Secret", "The Road to {place}", "A {weather} Day", "What {name} Found", "{name} and the {friend}",
          "The Last Day of {season}", "A Friend for {name}"]
BARE_OPENERS = [
    ("Once upon a time", "there was a {adj} {hero} named {name} who lived near {place}."),
    ("Once upon a time there was", "a {adj} {hero} named {name} who lived near {place}."),
    ("Once upon a time, in a land far away,", "there lived a {adj} {hero} called {name}."),
    ("Once there was a", "{adj} {hero} called {name}, and {place} was all {they} knew."),
    ("Long ago", "there lived a {adj} {hero} named {name}, not far from {place}."),
    ("It was a dark and stormy night", "and a {adj} {hero} named {name} could not sleep."),
    ("It was a cold winter night and", "a {adj} {hero} named {name} was still awake near {place}."),
    ("One morning", "a {adj} {hero} named {name} woke up and knew that something had changed."),
    ("The door opened and", "there stood a {adj} {hero} called {name}, wet from the rain."),
    ("When the sun came up", "a {adj} {hero} named {name} was already on the way to {place}."),
    ("Nobody knew why", "the {adj} {hero} called {name} went to {place} every night."),
    ("In the middle of the forest", "there lived a {adj} {hero} called {name}."),
    ("The last train had gone when", "a {adj} {hero} named {name} came to the station."),
    ("I never believed in magic until", "I met {name}, a {adj} {hero} from {place}."),
    ("Deep under the sea", "even the fish had heard of {name}, the {adj} {hero}."),
    ("The old house was empty, but", "{name} the {hero} saw a light in the window."),
    ("There was a knock at the door.", "{name}, a {adj} {hero}, put down the cup and listened."),
    ("On the last day of summer", "a {adj} {hero} named {name} came to {place}."),
]

SEQUEL_START = ["the next day {name} woke up early and thought of the {friend}.", "a year went by. then, {time}, there was a knock at {name}'s door.", "but the story does not end there.", "{time}, a few weeks later, {name} went back to {place}.",
                "the {friend} came to visit that {season}, and brought {gift}.", "not long after, {name} and the {friend} set out for {far}.", "after that, {name} could not stop thinking about it."]
SEQUEL_MIDDLE = ["\"do you remember?\" asked the {friend}. \"how could I forget?\" said {name}.", "the road was {weather}, but they were two now.", "they found {lost} and laughed, for it had all begun like this.", "something had changed near {place}, though nobody could say what.",
                 "they heard {sound}, and this time {name} was not afraid.", "{name} had brought {food}, and the {friend} had brought a song."]
ASK_NEXT = ["What happens next?", "Continue", "Go on", "And then?", "continue please", "What happened then?", "Tell me more", "more of this story", "keep going", "Write the next part", "a second chapter please"]
ASK_TITLE = ["Give it a title", "What is the title?", "It needs a title", "Can you give it a name?", "Suggest a title"]
TITLE_ANSWERS = ["How about: {title}?", "I would call it \"{title}\".", "{title}", "Let us call it \"{title}\"."]

COUPLETS_FIRST = [
    "{the} {is} near, so {adj} and so {adj2},\nand all the world is quiet, all is blue.", "I saw {the} when day was nearly done,\nso {adj} beneath the slowly sinking sun.",
    "O {name}, so {adj}, what do you know\nof all the places where the travellers go?", "I walked alone, and there {the} would be,\nas {adj} as morning on the open sea.",
    "they say {the} can hear us when we sing,\nso {adj} in autumn, {adj2} in spring.", "{the} came softly at the break of day,\nso {adj} I did not know what words to say.",
    "come sit with me and watch {the} awhile,\nso {adj} that even silence starts to smile.", "when I was small I loved {the} the best,\nso {adj}, and {adj2}, and never quite at rest.",
    "there is {a} at the window of my mind,\n{adj} as the summers I have left behind.", "tonight {the} {is} {adj} beyond compare,\nand something like a song is in the air.",
]
COUPLETS = {
    "happy": ["the evening puts its golden slippers on,\nand all the worries of the day are gone.", "a little lamp, a little bread, a tune,\nand over all of it a patient moon.",
              "the road is long, but longer is the light\nthat friendly windows give away at night.", "so let the clocks run on, so let them chime;\nfor those who love there is enough of time.",
              "and every leaf that trembles on the tree\nhas learned to whisper something meant for me.", "the river laughs and tells it to the stone,\nthat nobody who listens is alone.",
              "I keep it in my pocket like a key\nthat opens every door there is to me.", "the birds have written something on the sky;\nwe need not read it, only wonder why.",
              "and if the morning finds us still awake,\nwe'll have the sun for breakfast, and some cake.", "we dance in circles barefoot on the grass,\nand wave our hands to all the clouds that pass.",
              "a seed, a song, a sparrow and a star\nare quite enough to tell us who we are."],
    "sad": ["but all the chairs are empty in the hall,\nand only shadows climb along the wall.", "the letters that I wrote you never came;\nthe wind alone remembers still your name.",
            "the leaves fall down, and no one sweeps the floor,\nand no one's footsteps stop before my door.", "the clock goes on, but nobody can say\nwho took the music out of yesterday.",
            "I light a lamp for someone who is gone,\nand let it burn until the night is done.", "the rain has drawn its curtain on the town;\nI watch the last of all the lights go down.",
            "we said goodbye, and neither of us cried;\nthe winter kept its tears for us inside.", "and what I loved is only like a tune\nthat stopped one night too early and too soon."],
}
VERSE_OPEN = ["{the} {do}.", "today {the} {do}.", "near {place}, {the} {do}.", "listen: {the} {do}.", "nobody told me that {the} {do}.", "at the edge of the day, {the} {do}.",
              "all night {the} {do}."]
VERSE_TURN = ["and somewhere near, {the} {do2}.", "I stop to look; {the} {do2}.", "nobody sees how {the} {do2}.", "{the}, {adj} and {adj2}, {do2}.", "still {the} {do2},",
              "while {the} {do2},"]
VERSE_END = {
    "happy": ["and I am glad to be awake.", "and all at once the day is kind.", "and that is all the joy I need.", "and my heart puts on its Sunday shoes.", "and the whole world hums along.",
              "and I go home with pockets full of light.", "and for a moment nothing is missing.", "and I begin to sing."],
    "sad": ["and nobody is there to see.", "and I have no one left to tell.", "and the evening closes like a door.", "and your chair is empty still.", "and the rain knows every word.",
            "and I forget the way back home.", "and something in me stays outside."],
}

# -- haiku: lines of five, seven and five syllables ---------------------------------------------------------------------
HAIKU = {
    "sea": (["salt upon the wind", "the tide turns at dawn", "waves fold over waves", "grey gulls on grey rocks", "blue beyond the dunes", "foam on the dark stones"],
            ["a small boat leans to the shore", "the old lighthouse blinks and waits", "one sail leans into the light", "footprints fill slowly with foam", "the horizon holds its breath", "nets are drying in the sun"],
            ["nobody comes back", "then only the sea", "gulls carry the news", "the moon pulls it home", "a shell hums my name", "evening drifts away"]),
    "rain": (["rain on the tin roof", "grey morning, soft rain", "clouds over the town", "drops upon the glass", "puddles in the lane"],
             ["a cat watches from the sill", "the gutters sing the same song", "umbrellas bloom in the street", "somewhere a window stays lit", "the garden drinks and drinks more"],
             ["tea grows slowly cold", "the lamp hums along", "wet shoes by the door", "I listen, half dreamt", "and then, all at once"]),
    "winter": (["first snow on the roofs", "white fields, no footprints", "the pond turns to glass", "frost upon the gate", "deep snow, a closed door"],
               ["a crow writes one word in black", "smoke stands straight above the house", "the road has lost its own name", "breath hangs in front of our words", "bare branches count the cold stars"],
               ["silence after bells", "the kettle answers", "one lamp left burning", "the world holds its breath", "spring sleeps underneath"]),
    "spring": (["ice breaks on the pond", "green tips through the snow", "the first bee wakes up", "plum trees in the wind", "mild rain on new leaves"],
               ["a blackbird tries out its voice", "the gate stands open again", "children run without their coats", "the old wall is warm once more", "petals fall into my tea"],
               ["even stones feel young", "and the earth says yes", "mud on happy shoes", "nobody goes in", "the light stays for tea"]),
    "summer": (["cherries on a plate", "heat above the road", "long light in the wheat", "bees in lavender", "bare feet on warm stone"],
               ["the crickets argue all night", "a boy sleeps under the tree", "the river is slow and green", "far thunder walks on the hills", "the swing moves without a child"],
               ["the day will not end", "dust and golden light", "a door left open", "no clock in the house", "sleep tastes of apples"]),
    "autumn": (["red leaves on the path", "mist over the fields", "geese across the moon", "the last apple falls", "wind among dry leaves"],
               ["the scarecrow has lost his hat", "smoke rises from the garden", "an old bench waits in the park", "the light grows thin and golden", "a spider mends its torn web"],
               ["summer folds its tent", "I turn my collar", "the year bows its head", "and the crows laugh on", "night comes before tea"]),
    "night": (["one lamp in the dark", "moon above the roofs", "late train, empty seats", "stars over the barn", "midnight on the stairs"],
              ["the town has put down its head", "a dog answers far away", "the clock is talking alone", "my shadow walks on ahead", "someone is still writing there"],
              ["no one asks the time", "dawn waits at the gate", "the dark hums along", "sleep comes like a cat", "only the owl knows"]),
    "mountain": (["mist upon the ridge", "stones beside the stream", "pine trees in the cloud", "the path climbs and climbs", "snow on the far peak"],
                 ["an eagle circles and waits", "the echo keeps half my words", "a bell drifts up from the fields", "the river remembers ice", "moss has covered the old steps"],
                 ["I sit and breathe out", "the sky starts right here", "the valley grows small", "nothing left to climb", "wind answers the wind"]),
    "animal": (["paw prints on the path", "something in the grass", "two eyes at the gate", "dew on the whiskers", "a rustle, then still"],
               ["it stops and looks back at me", "the tall grass closes again", "the moon walks along with it", "neither of us moves at all", "a soft step over dry leaves"],
               ["then only the wind", "gone before the dawn", "the garden breathes out", "we both keep the peace", "the night keeps its own"]),
    "person": (["steps along the road", "a coat on a hook", "hands around a cup", "old songs in the hall", "lamplight on a face"],
               ["the day's work is nearly done", "a long road leads to the door", "a letter lies on the chair", "somebody hums in the dark", "the window fills up with stars"],
               ["the kettle is on", "and then, a good laugh", "home is not so far", "tomorrow can wait", "the fire burns low"]),
    "thing": (["dust in the sunlight", "on the attic shelf", "left out in the rain", "brass turned green by time", "a thing no one needs"],
              ["it remembers other hands", "still it holds a bit of light", "a moth has made it a home", "nobody knows whose it was", "the afternoon moves past it"],
              ["I wipe it and smile", "the years do not ask", "and yet, how it shines", "quiet as a stone", "it waits all the same"]),
    "idea": (["nothing in my hands", "an unopened door", "two cups, one of them", "like light through the leaves", "it came without words"],
             ["it stays when the guests have gone", "I looked for it far away", "you cannot hold it too tight", "it sits beside me and hums", "a bird lands and does not know"],
             ["then it was right here", "and the day goes on", "I leave the lamp on", "so I say nothing", "evening understands"]),
}
HAIKU_THEME = {"sea": "sea", "ocean": "sea", "boat": "sea", "ship": "sea", "island": "sea", "lighthouse": "sea", "whale": "sea", "dolphin": "sea", "beach": "sea",
               "wave": "sea", "tide": "sea", "sailor": "sea", "rain": "rain", "umbrella": "rain", "storm": "rain", "puddle": "rain", "cloud": "rain", "snow": "winter",
               "winter": "winter", "snowman": "winter", "frost": "winter", "penguin": "winter", "spring": "spring", "flower": "spring", "rose": "spring", "garden": "spring",
               "summer": "summer", "sun": "summer", "bee": "summer", "butterfly": "summer", "autumn": "autumn", "leaf": "autumn", "pumpkin": "autumn", "scarecrow": "autumn",
               "wind": "autumn", "moon": "night", "night": "night", "star": "night", "stars": "night", "owl": "night", "city": "night", "lamp": "night", "dreams": "night",
               "mountain": "mountain", "forest": "mountain", "tree": "mountain", "river": "mountain", "lake": "mountain", "hill": "mountain"}
HAIKU_KIND = {"animal": "animal", "person": "person", "thing": "thing", "nature": "mountain", "idea": "idea"}
HAIKU_FIRST = {1: ["a {t} in the dark", "the {t} and the light", "the {t} waits for me", "far off, a small {t}", "here the {t} begins"],
               2: ["the {t} at dawn", "a {t}, alone", "one {t}, then none", "the {t} is here", "my {t}, my friend"]}
SYLLABLES = {**{w: 1 for w in "fox cat dog bear wolf mouse bird crow swan duck goose hen horse cow sheep goat pig deer frog toad snail bee ant whale fish king queen prince knight witch ghost girl boy child elf sea moon sun star night lake tree rose cloud clock lamp key door book boat ship train kite bridge map bread crab seal hawk bat mole snake moth worm shark lamb cook spy judge nurse poet clown monk cup plate hat shoe ring coin drum flute harp tent net stone shell leaf seed pear plum pond wave field hill cave road path gate song wish game doll ball sword".split() if w != "poet"},
             **{w: 2 for w in "rabbit robin sparrow rooster pony donkey squirrel hedgehog badger turtle spider dolphin lion tiger monkey penguin parrot dragon baker sailor pirate wizard robot doctor teacher farmer gardener painter soldier mother father giant fairy mermaid monster ocean winter summer autumn morning river mountain forest flower garden desert island city village letter window mirror candle coffee teapot otter beaver lobster raven eagle falcon pigeon seagull lizard cricket salmon hunter merchant singer dancer actor writer neighbour stranger table kettle pillow basket ladder hammer button guitar lantern compass pencil notebook castle cabin cottage windmill market station harbour meadow acorn apple cherry lemon pumpkin onion rainbow shadow riddle puzzle feather pebble treasure".split() if w != "gardener"}}

DESCRIPTIONS = [
    "{the} {is} {adj} and {adj2}. from a distance one sees little more than {image}; only up close does one notice {image2}. near {place}, {the} {do}, and whoever stops to watch forgets the time.",
    "picture {image}. then picture {image2}. that is {the}: {adj}, a little {adj2}, and never quite the same twice. on quiet days {the} {do}.",
    "there is something {adj} about {the}. near {place}, when the light is low, {the} {do}. what stays in the mind is {image}.",
    "{adj} and {adj2}: so people speak of {the}. they remember {image}, and they remember {image2}. but those who live near {place} will tell you that {the} {do}, and that this is the best part.",
    "first comes {image}. then, slowly, {image2}. {the} {do}, {adj} as ever, as if nobody were looking.",
]
LETTER = [["Dear {to},", "My dear {to},", "Hello {to},"],
          ["it is a {weather} day here, and I have been thinking of you. today I saw {the}, so {adj} that I had to stop.", "I am writing to you about {the}. it may sound strange, but today it made me think of you.",
           "do you remember {the}? I do, every time it is {weather} outside. nothing else is so {adj}."],
          ["you would have laughed. {the} {do}, and I stood there like a child. afterwards I went home and made {food}.", "I wish you had been here. we would have shared {food} and said nothing for a while, as friends can.",
           "when you come to see me, I will show you everything, and there will be {food} on the table."],
          ["Write soon!\nYours, {sign}", "With love,\n{sign}", "Until we meet again,\n{sign}", "Your old friend,\n{sign}"]]
TITLE_IDEAS = ["The {adj} {name}", "The Secret of the {name}", "What the {name} Knew", "A {name} at Midnight", "The Last {name}", "Waiting for the {name}", "Beyond the {name}",
               "The {name} and the Moon", "How the {name} Came Home", "My Year with the {name}", "Letters to a {name}", "The {name} Who Said No", "Under the {adj2} {name}",
               "A Song for the {name}", "The House of the {name}"]

# -- requests -----------------------------------------------------------------------------------------------------------
ASK_STORY = ["Write a story about {t}", "Tell me a story about {t}", "A story about {t}", "Write me a story about {t}", "Story about {t}", "Can you write a story about {t}?", "I want a story about {t}",
             "Make up a story about {t}", "Write a tale of {t}", "Please tell a story about {t}", "Write a bedtime story about {t}", "Tell my daughter a story about {t}", "Do you know a story about {t}?",
             "Write something about {t}", "Write about {t}", "{t}", "A fairy tale about {t}", "Once more, a story about {t}", "Give me a story about {the}", "Tell me about {t}", "Invent a story with {t} in it"]
ASK_STORY_MOOD = ["Write a {mood} story about {t}", "Tell me a {mood} story about {t}", "A {mood} story about {t}", "Make up a {mood} tale about {t}", "Can you tell a {mood} story about {t}?"]
ASK_STORY_NAME = ["Write a story about {t} named {n}", "Tell me a story about {t} called {n}", "A story about {n} the {name}", "Write a story about {n}, {t}", "Tell a bedtime story about {t} named {n}"]
ASK_STORY_TWO = ["Write a story about {t} and {f}", "Tell me a story about {t} who meets {f}", "A story about {t} and {f}", "Write a tale of {t} and {f}", "Tell a story in which {t} and {f} become friends"]
ASK_STORY_SHORT = ["Write a short story about {t}", "Tell me a very short story about {t}", "A short story about {t}", "Write a tiny story about {t}", "A story about {t} in a few sentences", "Tell me a quick story about {t}"]
ASK_STORY_LONG = ["Write a long story about {t}", "Tell me a long story about {t}", "A longer story about {t}"]
ASK_POEM = ["Write a poem about {t}", "Tell me a short poem about {t}", "A poem about {t}", "Write a short poem about {t}", "Poem about {t}", "Can you write a poem about {the}?", "Write me some verses about {t}", "A rhyme about {t}",
            "Compose a poem about {the}", "Make a poem about {t}", "I need a poem about {t}", "Write four lines about {t}", "A little verse about {the}", "Write a lullaby about {the}", "Recite a poem about {t}"]
ASK_POEM_MOOD = ["Write a {mood} poem about {t}", "A {mood} poem about {the}", "Tell me a {mood} poem about {t}", "Can you write a {mood} poem about {the}?"]
ASK_HAIKU = ["Write a haiku about {t}", "Write a haiku about {the}", "A haiku about {the}", "Haiku about {t}", "Can you write a haiku about {the}?", "Give me a haiku about {the}", "Tell me a haiku about {t}", "Write a haiku on {the}"]
ASK_DESCRIPTION = ["Describe {t}", "Describe {the}", "Write a description of {t}", "Paint a picture of {the} in words", "What does {the} look like?", "Describe {the} in a few sentences"]
ASK_LETTER = ["Write a letter about {t}", "Write a short letter to a friend about {the}", "Write a letter to a friend. It should mention {t}", "A letter about {the}"]
ASK_TITLES = ["Give me titles for a story about {t}", "Suggest some titles for a book about {t}", "Title ideas for a story about {t}", "I need a title for a story about {the}", "What should I call a book about {t}?"]
ASK_ANY_STORY = ["Tell me a story", "Write a story", "Write something", "A story please", "Surprise me", "Tell me something nice", "I want to hear a story", "Tell me a bedtime story", "Write anything you like", "story"]
ASK_ANY_POEM = ["Write a poem", "Tell me a poem", "A poem please", "Write some verse", "Recite something", "poem", "Write a short poem"]
ASK_ANY_HAIKU = ["Write a haiku", "A haiku please", "haiku", "Give me a haiku"]
ASK_CONTINUE = ["continue: {text}", "Continue: {text}", "Continue the story: {text}", "Continue this story: {text}", "Go on: {text}", "Finish this: {text}", "What happens next? {text}", "continue this text: {text}", "{text}",
                "Keep writing: {text}", "Complete the sentence: {text}", "Please continue: \"{text}\""]
ASK_AGAIN = ["Another one", "another one please", "One more", "Again", "Do it again", "Try again", "Give me another", "More", "Write another one", "A different one", "Once more", "Can I have another?", "next", "I want another one"]
ASK_MOOD_CHANGE = ["Make it {mood}", "Make it more {mood}", "Now make it {mood}", "Can you make it {mood}?", "A {mood} version please", "Rewrite it so that it is {mood}", "Give it a {mood} ending", "the same but {mood}"]
ASK_SHORTER = ["Make it shorter", "Shorter please", "Too long", "Can you make it shorter?", "A shorter version", "Shorten it"]
ASK_LONGER = ["Make it longer", "Longer please", "Too short", "Can you make it longer?", "More detail please", "A longer version"]
ASK_OTHER_TOPIC = ["Now about {t}", "And about {t}?", "The same about {t}", "Now one about {t}", "Do one about {the}", "One about {t} please", "What about {t}?", "And now {t}"]
ASK_AS_FORM = ["Now as a {form}", "Make it a {form}", "Turn it into a {form}", "Write it as a {form}", "As a {form} please", "Can you turn that into a {form}?"]
THANKS = (["Thanks", "Thank you", "thanks!", "Thank you so much", "Great, thanks", "I love it", "That was beautiful", "nice", "Wonderful", "Very good", "that was lovely", "cool", "haha", "perfect, thank you"],
          ["You are welcome. Shall I write another one?", "I am glad you liked it. Give me another word and I will begin again.", "It was a pleasure. What shall we write next?", "Thank you for reading. Another story, or a poem this time?",
           "You are welcome! If you like, name an animal or a place and I will make something of it.", "My pleasure. Come back when you need a few more lines.", "I am happy to hear that. Would you like a haiku now?"])
CHAT = [
    (["Hello", "Hi", "Hey", "hello!", "Hi there", "Good morning", "Good evening", "Hello, who is there?", "hey you", "Hello writer", "Good day", "hallo", "Howdy"],
     ["Hello! I write short stories and poems. What shall I write about?", "Hi! Give me a word, and I will make a story or a poem of it.", "Good to see you. Would you like a story, a poem or a haiku?",
      "Hello there! Name an animal, a place or a thing, and I will begin.", "Hi! I have a fresh page in front of me. What should go on it?"]),
    (["How are you?", "How are you doing?", "How is it going?", "are you ok?", "What's up?", "How do you feel today?"],
     ["I am well, thank you. My pencil is sharp. What shall we write?", "Very well, and full of small stories. Would you like one?", "Quiet and curious, as writers are. And you? Give me a word to begin with.",
      "I am fine, thank you for asking. Shall I write you a poem?"]),
    (["Who are you?", "What are you?", "What is your name?", "Are you a robot?", "Are you human?", "Tell me about yourself", "Who made you?", "What model are you?"],
     ["I am a tiny writer, a very small language model. I know a few hundred words well, and I like to make stories of them.", "My name is Tiny Writer. I am a small program that writes stories, poems and haiku.",
      "I am a small language model that was trained on homemade stories. I cannot do much, but I can write.", "I am not a person, only a little model with a love of foxes, rain and lighthouses."]),
    (["What can you do?", "Help", "How does this work?", "What should I ask?", "What do you know?", "help me", "What can I ask you?", "Can you help me?"],
     ["I can write a story, a poem, a haiku, a letter or a description. Try: write a story about an owl and a mouse.", "Give me a topic such as the sea, a fox or an old clock, and say whether you want a story, a poem or a haiku.",
      "I write short things. Say \"a poem about rain\", \"a sad story about a robot\" or \"continue: it was a dark night\".", "Ask me for a story about an animal, a person or a thing. Afterwards you can say \"make it sad\" or \"another one\"."]),
    (["Bye", "Goodbye", "See you", "Good night", "bye bye", "I have to go", "See you tomorrow", "ciao"],
     ["Goodbye! May the road be kind to you.", "Good night. Sleep well, and dream of something worth writing down.", "See you soon. I will keep a page free for you.", "Goodbye, and come back when you need a story."]),
    (["What is the capital of France?", "Who won the world cup?", "What is 12 times 7?", "How much is 2 + 2?", "What is the weather tomorrow?", "Who is the president?", "When was the war?", "What year is it?", "Translate this to German",
      "How do I fix my computer?", "What is the meaning of life?", "Write Python code", "write a program that sorts a list", "Solve x + 3 = 5", "Explain gravity", "What is the population of China?", "How old is the earth?", "Why is the sky blue?",
      "Give me a recipe for bread", "Who wrote Hamlet?", "How far is the moon?", "What is the news today?", "Is God real?", "What time is it?", "Summarise this article", "Recommend a film", "What is photosynthesis?", "How do I get rich?"],
     ["I am only a tiny writer and cannot answer that. But I could write a story about it.", "That is beyond me, I am afraid. I know stories and poems, not facts.", "I do not know, and I would rather not guess. Shall I write you a poem instead?",
      "I cannot help with that. Give me an animal or a place, and I will write about it.", "I am a small model made for stories, so I must pass. Would you like a haiku?"]),
    (["Tell me a joke", "Say something funny", "make me laugh", "joke", "Do you know a joke?"],
     ["A snail walks into a bar. By the time it gets there, the bar is closed.", "Why did the scarecrow get a prize? He was outstanding in his field.", "Two socks meet in a drawer. \"Where is your brother?\" asks one. \"Lost in the wash,\" says the other. \"He sends one postcard a year.\"",
      "What does a cloud wear under its coat? Thunderwear.", "An owl was asked for the time. \"Who?\" it said. They never asked again.", "My clock and I had an argument. In the end we agreed to take it one minute at a time."]),
    (["I am sad", "I feel sad today", "I had a bad day", "I am lonely", "I am tired", "I can't sleep", "I'm bored", "I feel bad"],
     ["I am sorry to hear that. Shall I write you something gentle, about snow or a sleepy bear?", "Some days are grey. Sit down a while; I could tell you a quiet story.", "That sounds hard. Perhaps a small poem would keep you company?", "Then let us light a lamp. What would you like to hear about?"]),
    (["I am happy", "I had a great day", "Today is my birthday", "I feel good", "I am in love", "I got a new job"],
     ["How lovely! Shall we put it into a poem?", "That is good news. Let me write something bright for you: about the sun, or a kite?", "I am glad for you. A day like that deserves a few lines."]),
    (["Write a birthday wish", "Happy birthday message", "Write a birthday card for my friend", "Birthday greeting please"],
     ["Happy birthday! May your year be full of long evenings, warm bread and good friends.", "One year older, and brighter by one candle. May the wind be behind you and the cake be large. Happy birthday!", "Today the whole day belongs to you. May it bring you laughter, a little music, and one surprise. Happy birthday!"]),
    (["Give me a quote", "Inspire me", "Say something wise", "Motivate me", "Some words of wisdom"],
     ["Begin with the smallest part; the rest will come and look.", "Even the longest road is only one step wide.", "A lamp does not argue with the dark. It shines.", "Be patient: the snail also arrives, and it knows every flower by name.", "What you plant in the rain, you may eat in the sun."]),
    (["Tell me a riddle", "A riddle please", "Do you know a riddle?", "riddle"],
     ["I have hands but cannot hold, a face but cannot smile. What am I? A clock.", "I fall but never hurt myself, I run but have no feet. What am I? The rain.", "The more you take, the more you leave behind. What are they? Footsteps.", "I follow you all day and leave you in the dark. What am I? Your shadow.",
      "I have a neck but no head, and I keep you warm. What am I? A scarf."]),
    (["asdf", "blah blah", "???", "hm", "test", "qwerty", "lorem ipsum", "ok", "yes", "no", "what", "1234", "..."],
     ["I did not quite understand. Give me a word, and I will write about it.", "I am listening. Would you like a story or a poem?", "Tell me a topic: an animal, a place, the weather. I will do the rest."]),
]
CHAT += [
    (["I love you", "You are great", "You write so well", "you are my favourite", "good bot", "You are clever"],
     ["That is kind of you. I will put it between two pages, like a flower.", "Thank you! A writer lives on bread and kind words.", "You make my pencil blush. Shall I write you something?"]),
    (["You are stupid", "That was bad", "I don't like it", "this makes no sense", "boring", "bad bot", "You are wrong", "I hate it"],
     ["I am sorry. I am small and still learning. Shall I try again with another word?", "Fair enough. Give me a new topic, and I will do better.", "Not every page can be a good one. Let me turn to the next: what shall it be about?"]),
    (["What is your favourite animal?", "Do you like cats?", "What do you like?", "What is your favourite colour?", "Do you like music?", "Do you have friends?", "What is your favourite word?", "Do you dream?", "Are you happy?"],
     ["I am fond of foxes, but owls make better listeners.", "I like rain upon a roof, old clocks and anything that glows in the dark.", "My favourite word is lantern. It is warm when you say it.", "I only know what is in my stories, and in them everybody has a friend.", "Blue, I think, since the sea is always on my mind."]),
    (["Tell me about your day", "What did you do today?", "What are you doing?", "where do you live?", "How old are you?", "Do you sleep?"],
     ["I sat between two words and waited for you.", "I live in a file smaller than a photograph, with foxes, kings and one lighthouse.", "I sharpened my pencil and thought about the moon.", "I am as old as my last sentence."]),
    (["Sing me a song", "Sing something", "Write a song", "a song please", "sing"],
     ["Row on, row on, my little boat,\nthe moon has put on her silver coat;\nthe night is long, the night is deep,\nand all the fishes are asleep.",
      "Oh, the road goes up and the road goes down,\nand it winds its way to a far-off town;\nif you bring a drum, I will bring a tune,\nand we'll dance all night by the light of the moon.",
      "Hush now, hush now, close the door,\nthe wind is walking on the moor;\nthe lamp is low, the bread is warm,\nand we are safe from every storm."]),
]
ASK_MANY = ["Write a story about {s}", "Tell me about {s}", "A poem about {s}", "Write something about {s}", "I like {s}", "Tell me a story about {s}", "my daughter loves {s}, write something"]
ASK_MY = ["Write a story about my {name}", "Write something about my {name}", "Tell me a story about my {name}", "a poem about my {name}", "A poem for my {name}", "write a few lines for my {name}"]
SYSTEMS = ["You are a helpful assistant.", "You are a friendly writer.", "You write short stories and poems.", "You are a helpful writing assistant.", "You are Tiny Writer, a small model that writes.",
           "Answer briefly and kindly.", "You are a storyteller for children."]
