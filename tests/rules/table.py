"""A row for each rule of what a message means: its name, and what shows it (see `script`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `only` is the channel that it is about, "" for every one."""

    name: str
    script: str
    only: str = ""


# --- routing order ---------------------------------------------------------------------

ROUTING = (
    Rule("what comes twice is dealt with once", """
        ana: ABOUT
        ana < learning alliance
        again
        ana < -
        count inbound = 1
    """),
    Rule("a button that is pressed twice answers once", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana!: 2
        ana < 2 Price
        again
        ana < -
    """, "telegram"),
    Rule("the number of an update is no key, for it may begin anew", """
        ana: ABOUT
        ana < learning alliance
        count inbound = 1
        ana: ABOUT
        ana < learning alliance
        count inbound = 2
    """, "telegram"),
    Rule("who stops is heard before all else", """
        platform nima Nima
        member ana nima
        role ana nima coordinator
        ana: ANNOUNCE Water is off
        ana < reply
        ana: STOP
        ana < no more messages
        count batches = 0
    """),
    Rule("STOP, START and HELP are known in every language and in English", """
        member ana
        ana: AYUDA
        ana < POLLS
        ana: PARE
        ana < no more messages
        ana: INICIAR
        ana < Welcome back
        ana: STOP
        ana < no more messages
        ana: START
        ana < Welcome back
    """),
    Rule("a code that was asked for comes before a question that is open", """
        platform nima Nima
        member ana nima
        role ana nima coordinator
        poll Taps? / Few / Many
        ana < Taps?
        ana: ANNOUNCE Water is off
        ana < reply {key}
        ana: {key}
        ana < Broadcast
        count answers = 0
    """),
    Rule("a command word comes before a question that is open", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana: POLLS
        ana << Which?
        count answers = 0
        ana: /polls
        ana << Which?
        ana: polls now
        ana << Which?
    """),
    Rule("a number answers the question that is open, and changes the answer", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana: 2
        ana < We have: 2 Price
        ana: 1
        ana < We have: 1 Taps
        count answers = 1
    """),
    Rule("one typo away from a command it is offered, never done", """
        member ana
        ana: POLS
        ana < Did you mean POLLS? Send POLLS
        ana: JION
        ana < Did you mean JOIN?
    """),
    Rule("anything else is passed on, and acknowledged once a day", """
        member ana
        ana: The tap is broken
        ana < passed your message on
        ana: And the pipe
        ana < -
        count tickets WHERE kind = 'question' = 2
        wait 24h
        ana: Still broken
        ana < passed your message on
    """),
    Rule("a photo is passed on with its id, and acknowledged in words", """
        member ana
        ana sends a photo:
        ana < can't hear or see it
        count tickets WHERE media <> '' = 1
    """),
    Rule("an edited answer is a new answer, an edited command is ignored", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana: 2
        ana < 2 Price
        ana edits: 1
        ana < 1 Taps
        ana: ABOUT
        ana < learning alliance
        ana edits: POLLS
        ana < -
        count answers = 1
    """, "telegram"),
)  # fmt: skip

# --- STOP and START --------------------------------------------------------------------

STOP = (
    *(
        Rule(f"{text!r} stops", f"member ana\nana: {text}\nana < no more messages")
        for text in ("stop", "Please stop.", "STOP ALL NOW", "Stop. Thank you", "stop!", "stóp")
    ),
    *(
        Rule(f"{text!r} stops nothing", f"""
            member ana
            ana: {text}
            ana < passed
            count members WHERE stopped_at > 0 = 0
        """)
        for text in ("Stop the dumping", "Please do not stop the work", "stopping here")
    ),
    Rule("a STOP is kept on the phone and the person, and ends what waits on all of theirs", """
        member ana
        ana: LINK
        ana < LINK {code}
        ana2: LINK {code}
        ana2 < one person's
        ana < yours too
        ana: STOP
        ana < no more messages
        poll Which? / Taps / Price
        ana < -
        ana2 < -
        count members WHERE stopped_at > 0 = 1
        count addresses WHERE stopped_at > 0 = 1
    """),
    Rule("a STOP is confirmed once", """
        member ana
        ana: STOP
        ana < no more messages
        ana: STOP
        ana < -
    """),
    Rule("of a stranger's STOP a keyed hash is kept", """
        ana: STOP
        ana < no more messages
        count barred WHERE reason = 'stopped' = 1
        count addresses WHERE state = 'hidden' = 1
        ana: START
        ana < To take part send JOIN
        count barred = 0
    """),
    Rule("START lifts the person and that phone", """
        member ana
        ana: STOP
        ana < no more messages
        ana: START
        ana < Welcome back
        poll Which? / Taps / Price
        ana < Which?
    """),
    Rule("what the carrier stopped waits for START from itself", """
        member ana
        ana: LINK
        ana < LINK {code}
        ana2: LINK {code}
        ana2 < one person's
        run UPDATE addresses SET state = 'carrier' WHERE channel = 'sms'
        ana2: START
        count addresses WHERE state = 'carrier' = 1
        ana: START
        count addresses WHERE state = 'carrier' = 0
    """, "sms"),
    Rule("whoever has stopped and opens the chat is asked first", """
        member ana
        ana: STOP
        ana < no more messages
        ana: /start
        ana < send START
        count members WHERE stopped_at > 0 = 1
    """, "telegram"),
    Rule("no other message undoes a STOP", """
        member ana
        ana: STOP
        ana < no more messages
        ana: JOIN
        ana < send START
        ana: hello again
        ana: 1
        count members WHERE stopped_at > 0 = 1
    """),
    Rule("STOP is no answer, in the middle of sign-up either", """
        ana: JOIN
        ana < language
        ana!: 1
        ana < do you agree
        ana!: 1
        ana << Who do you speak for
        ana!: 0
        ana < organisation
        ana: STOP
        ana << no more messages
        count organisations = 0
        count members WHERE alias = 'STOP' = 0
        count tickets = 0
    """),
)  # fmt: skip

# --- questions -------------------------------------------------------------------------

QUESTIONS = (
    Rule("by SMS one question is open at a time, the one that closes soonest first", """
        member ana
        poll Later? / Yes / No / 40h
        poll Sooner? / Yes / No / 20h
        ana < Later?
        ana < -
        poll Soonest? / Yes / No / 10h
        ana < -
        ana: 1
        ana < Later?
        ana < Soonest?
        ana: 1
        ana < Soonest?
        ana < Sooner?
    """, "sms"),
    Rule("the next question leaves after a skip", """
        member ana
        poll First? / Yes / No
        poll Second? / Yes / No
        ana < First?
        ana < -
        ana: 0
        ana < You skipped
        ana < Second?
    """, "sms"),
    Rule("the next question leaves after the first one's close", """
        member ana
        poll Second? / Yes / No / 70h
        ana < Second?
        poll First? / Yes / No / 60h
        run UPDATE rounds SET closes_at = 1 WHERE code = 'P1'
        wait 1m
        ana << First?
    """, "sms"),
    Rule("the next question leaves after a day of silence", """
        member ana
        poll First? / Yes / No
        poll Second? / Yes / No
        ana < First?
        ana < -
        wait 25h
        ana < Second?
    """, "sms"),
    Rule("on Telegram all come at once, and a digit answers the latest", """
        member ana
        poll First? / Yes / No
        poll Second? / Taps / Price
        ana < First?
        ana < Second?
        ana: 2
        ana < Second? We have: 2 Price
        ana!: 1 Yes
        ana < First? We have: 1 Yes
    """, "telegram"),
    *(
        Rule(f"{text!r} is the number two", f"""
            member ana
            poll Which? / Taps / Price
            ana < Which?
            ana: {text}
            ana < 2 Price
        """)
        for text in ("2", " 2. ", "(2)", "2)", '"2"', "２", "٢", "२", "two", "dos", "اثنين")
    ),
    *(
        Rule(f"{text!r} is no number of a choice", f"""
            member ana
            poll Which? / Taps / Price
            ana < Which?
            ana: {text}
            ana < did not understand
            count answers = 0
        """)
        for text in ("3", "-1", "#", "2 or 3", "22")
    ),
    Rule("a pressed button changes the message it stands under, and no other comes", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana!: 2
        ana < We have: 2 Price
        changed ana = 1
        ana!: 1
        ana < We have: 1 Taps
        changed ana = 2
        ana!: ✓ 1
        ana < We have: 1 Taps
        count answers = 1
        count outbox WHERE status <> 'sent' = 0
    """, "telegram"),
    Rule("what can't be changed any more is said anew", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        gone
        ana!: 2
        ana < We have: 2 Price
        ana < We have: 2 Price
        count outbox WHERE status <> 'sent' = 0
    """, "telegram"),
    Rule("0 skips a choice", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana!: 0
        ana < You skipped
        count answers = 0
    """),
    Rule("SKIP skips", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana: SKIP
        ana < You skipped
    """),
    Rule("after a day an answer is changed by CHANGE and its code alone", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana: 2
        ana < 2 Price
        wait 25h
        ana: 1
        ana < CHANGE {poll}
        count answers WHERE value = 'a' = 0
        ana: CHANGE {poll}
        ana < Which?
        ana: 1
        ana < 1 Taps
        count answers = 1
    """),
    Rule("once another question has opened a digit is for that one", """
        member ana
        poll First? / Yes / No
        ana < First?
        ana: 1
        ana < We have: 1 Yes
        poll Second? / Taps / Price
        ana < Second?
        ana: 2
        ana < Second? We have: 2 Price
    """),
    Rule("a late answer is refused, and kept nowhere", """
        member ana
        poll Which? / Taps / Price / 2h
        ana < Which?
        wait 3h
        ana: 2
        ana < closed
        count answers = 0
        count tickets = 0
    """),
    Rule("two tries are helped, the third rests and is shown to the coordinator", """
        member ana
        poll Which? / Taps / Price
        ana < Which?
        ana: blue
        ana < did not understand
        ana: red
        ana < one number
        ana: green
        ana < -
        count tickets WHERE kind = 'unread' = 1
        ana: 2
        ana < 2 Price
    """),
    Rule("BACK returns one question", """
        platform nima Nima
        platform asokwa Asokwa
        ana: JOIN
        ana < language
        ana!: 1
        ana < do you agree
        ana!: 1
        ana < take part
        ana!: 1
        ana < speak for
        ana: BACK
        ana < take part
        ana!: 2
        ana < speak for
        count members m JOIN platforms p ON p.id = m.platform_id WHERE p.code = 'asokwa' = 1
    """),
    Rule("a reserved word is no option", """
        platform nima Nima
        member ana nima
        role ana nima coordinator
        ana: POLL Which? / Stop / Go
        ana < something else
        count rounds = 0
    """),
)  # fmt: skip

# --- acts that reach others ------------------------------------------------------------

LEAD = """
    platform ghana Ghana
    platform nima Nima ghana
    platform asokwa Asokwa ghana
    member ana ghana
    role ana ghana coordinator
    member ben nima
    member eva asokwa
    member pia asokwa
    member tom asokwa
"""
ACTS = (
    Rule("an act waits for its code, and is done once", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < reply {{key}}
        count batches = 0
        ana: {{key}}
        ana < Broadcast 1
        tick
        ben < Water is off
        eva < Water is off
        ana: {{key}}
        count batches = 1
    """),
    Rule("its button confirms it", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < people
        ana!: Yes
        ana < Broadcast 1
        again
        ana < -
        count batches = 1
    """, "telegram"),
    Rule("a bare 1 never does", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < people
        ana: 1
        count batches = 0
    """),
    Rule("NO ends it", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < reply {{key}}
        ana: NO
        ana < Nothing was done
        ana: {{key}}
        count batches = 0
    """),
    Rule("three wrong codes end it", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < reply {{key}}
        run UPDATE pending SET code = 'none'
        ana: ANNOUNCE Water is off
        ana < reply {{other}}
        run UPDATE pending SET code = '4711'
        ana: 0001
        ana < not the code
        ana: 0002
        ana < not the code
        ana: 0003
        ana < Nothing was done
        ana: 4711
        count batches = 0
    """),
    Rule("it lasts a quarter of an hour", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < reply {{key}}
        wait 16m
        ana: {{key}}
        count batches = 0
    """),
    Rule("there is one at a time on a phone: the last", f"""
        {LEAD}
        ana: ANNOUNCE First
        ana < people
        ana: ANNOUNCE Second
        ana < reply {{key}}
        ana: {{key}}
        ana < Broadcast
        tick
        ben < Second
        ben < -
    """),
    Rule("the role is looked at again at the yes", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < reply {{key}}
        unrole ana ghana coordinator
        ana: {{key}}
        ana < you are none
        count batches = 0
    """),
    Rule("without TO everything is text, colons too", f"""
        {LEAD}
        ana: ANNOUNCE Friday: no water
        ana < reply {{key}}
        ana: {{key}}
        ana < Broadcast
        tick
        ben < Friday: no water
    """),
    Rule("TO names an audience", f"""
        {LEAD}
        ana: ANNOUNCE TO nima and not type:donor: Hello
        ana < reply {{key}}
        ana: {{key}}
        ana < Broadcast
        tick
        ben < Hello
        eva < -
    """),
    Rule("an audience reaches SQL as values alone", f"""
        {LEAD}
        ana: ANNOUNCE TO type:"x' OR 1=1": Hello
        ana < no type
        ana: ANNOUNCE TO org:"'; DROP TABLE members; --": Hello
        ana < organisation
        count members = 5
    """),
    Rule("who is in it is taken at the send", f"""
        {LEAD}
        ana: ANNOUNCE TO nima: Hello
        ana < reply {{key}}
        run UPDATE members SET platform_id = 2 WHERE alias = 'Eva'
        run UPDATE members SET platform_id = 3 WHERE alias = 'Ben'
        ana: {{key}}
        ana < Broadcast
        tick
        eva < Hello
        ben < -
    """),
    Rule("a role reaches its platform and below, and is refused elsewhere", f"""
        {LEAD}
        member joe nima
        role joe nima coordinator
        joe: ANNOUNCE TO asokwa: Hello
        joe < no role on asokwa
        joe: ANNOUNCE Hello
        joe < reply {{key}}
        joe: {{key}}
        joe < Broadcast
        tick
        ben < Hello
        eva < -
    """),
    Rule("without a role the word is a word like any other", """
        member ana
        ana: ANNOUNCE Water is off
        ana < passed your message on
    """),
    Rule("POLL parts its options at slashes with spaces", f"""
        {LEAD}
        ana: POLL Is it 24/7 open? / Yes / No
        ana < reply {{key}}
        ana: {{key}}
        tick
        ben < Is it 24/7 open? 1 Yes 2 No
    """),
    Rule("POLL parts its options at new lines", f"""
        {LEAD}
        ana: POLL Is it 24/7 open?\\nYes\\nNo
        ana < reply {{key}}
        ana: {{key}}
        tick
        ben < 1 Yes 2 No
    """),
    Rule("POLL takes until when, and whether with names", f"""
        {LEAD}
        ana: POLL Will you come? / Yes / No / by 2h / named
        ana < reply {{key}}
        ana: {{key}}
        tick
        ben < With your name
        wait 3h
        count rounds WHERE state = 'closed' = 1
    """),
    Rule("a poll closes after 72 hours, if nobody says when", f"""
        {LEAD}
        ana: POLL Which? / Taps / Price
        ana < reply {{key}}
        ana: {{key}}
        wait 71h
        count rounds WHERE state = 'closed' = 0
        wait 2h
        count rounds WHERE state = 'closed' = 1
    """),
    Rule("CLOSE ends a poll once confirmed", f"""
        {LEAD}
        poll Which? / Taps / Price
        ana < Which?
        ben < Which?
        ben: 1
        ben < 1 Taps
        ana: CLOSE {{poll}}
        ana < reply {{key}}
        ana: {{key}}
        tick
        count rounds WHERE state = 'closed' = 1
        ben < 1 answered
        ben < -
    """),
    Rule("EXTEND lets a poll last", f"""
        {LEAD}
        poll Which? / Taps / Price
        ana: EXTEND {{poll}} 100h
        wait 73h
        count rounds WHERE state = 'closed' = 0
        wait 28h
        count rounds WHERE state = 'closed' = 1
    """),
    Rule("HALT keeps what has not left", f"""
        {LEAD}
        ana: ANNOUNCE Water is off
        ana < reply {{key}}
        ana: {{key}}
        ana < Broadcast 1
        ana: HALT 1
        tick
        count batches WHERE state = 'halted' = 1
    """),
    Rule("the asker of a question gets its answer", f"""
        {LEAD}
        ben: ASK When is the meeting?
        ben < number {{number}}
        ana: REPLY {{number}} On Friday
        tick
        ben < On Friday
        count tickets WHERE state = 'answered' = 1
    """),
)  # fmt: skip

# --- sign-up ---------------------------------------------------------------------------

SIGN_UP = (
    Rule("language, agreement with the age, place, type, organisation, name, in this order", """
        platform nima Nima
        platform asokwa Asokwa
        ana: JOIN
        ana < Which language?
        count members WHERE state = 'member' = 0
        ana!: 1
        ana < Are you 18 or over, and do you agree
        ana!: 1
        count members WHERE state = 'member' = 1
        ana < Where do you take part?
        ana!: 1
        ana < Who do you speak for?
        ana!: 1
        ana < Which organisation
        ana: 0
        ana < What shall we call you?
        ana: Ama
        ana < Welcome
        count members WHERE alias = 'Ama' = 1
        count consents = 1
    """),
    Rule("from the yes on a person is a member, and is asked once more at most", """
        ana: JOIN
        ana < language
        ana!: 1
        ana < agree
        ana!: 1
        ana < speak for
        wait 48h
        ana: JOIN
        ana << speak for
        wait 48h
        ana: JOIN
        ana < You are a member
    """),
    Rule("JOIN with the code of a place skips that question", """
        platform nima Nima
        platform asokwa Asokwa
        ana: JOIN asokwa
        ana < language
        ana!: 1
        ana < agree
        ana!: 1
        ana < speak for
    """),
    Rule("an organisation that nobody knows is passed on, and not made", """
        ana: JOIN
        ana < language
        ana!: 1
        ana < agree
        ana!: 1
        ana < speak for
        ana!: 1
        ana < organisation
        ana: Nima Tap Users
        ana << call you
        count organisations = 0
        count tickets WHERE kind = 'organisation' = 1
    """),
    Rule("a no leaves but a keyed hash with its time", """
        ana: JOIN
        ana < language
        ana!: 1
        ana < agree
        ana!: 2
        ana << Nothing is kept
        count members WHERE state <> 'erased' = 0
        count barred WHERE reason = 'no' AND at > 0 = 1
        count addresses WHERE state <> 'hidden' = 0
        count inbound WHERE text <> '' OR choice <> '' = 0
    """),
)  # fmt: skip

# --- linking phones --------------------------------------------------------------------

LINKED = """
    ana: LINK
    ana < LINK {code}
    ana2: LINK {code}
    ana2 < one person's
    ana < yours too
"""
LINKING = (
    Rule("a second phone is linked by a code given to one and sent from the other", f"""
        member ana
        {LINKED}
        count member_addresses = 2
        count audit WHERE act = 'link' = 1
    """),
    Rule("a shared contact links a number without a role", """
        member ana2
        ana shares: +12025550111
        ana < one person's
        count member_addresses = 2
    """, "telegram"),
    Rule("a shared contact links no number with a role", """
        platform nima Nima
        member ana2 nima
        role ana2 nima coordinator
        ana shares: +12025550111
        ana < send LINK
        count member_addresses = 1
    """, "telegram"),
    Rule("of two members the older stays, and the later answer counts", f"""
        member ana
        member ana2
        poll Which? / Taps / Price
        ana < Which?
        ana2 < Which?
        ana: 1
        ana < 1 Taps
        wait 1m
        ana2: 2
        ana2 < 2 Price
        {LINKED}
        count answers WHERE member_id = 1 = 1
        count answers = 1
        ana: RESULT {{poll}}
        ana < Taps 0, Price 1
    """),
    Rule("closed rounds stay", f"""
        member ana
        member ana2
        poll Which? / Taps / Price
        ana < Which?
        ana2 < Which?
        ana: 1
        ana2: 1
        ana < 1 Taps
        ana2 < 1 Taps
        close
        ana < Taps 2
        ana2 < Taps 2
        {LINKED}
        ana: RESULT {{poll}}
        ana < Taps 2, Price 0. 2 answered
    """),
    Rule("the STOP of either stays", """
        member ana
        member ana2
        ana: LINK
        ana < LINK {code}
        ana: STOP
        ana < no more messages
        ana2: LINK {code}
        ana2 < one person's
        ana2 < send START
        poll Which? / Taps / Price
        ana < yours too
        ana < -
        ana2 < -
    """),
    Rule("UNLINK parts them again", f"""
        member ana
        member ana2
        {LINKED}
        ana: UNLINK
        ana < no longer linked
        ana2 < on its own
        poll Which? / Taps / Price
        ana < Which?
        ana2 < Which?
        count audit WHERE act = 'unlink' = 1
    """),
)  # fmt: skip

# --- loops and pumping -----------------------------------------------------------------

LOOPS = (
    Rule("one phone gets twenty replies an hour, one notice, and silence", """
        member ana
        """ + "ana: ABOUT\n" * 20 + "ana < learning alliance\n" * 20 + """
        ana: ABOUT
        ana < many messages
        ana: ABOUT
        ana < -
        count tickets WHERE kind = 'alert' = 1
    """),
)  # fmt: skip

RULES = (*ROUTING, *STOP, *QUESTIONS, *ACTS, *SIGN_UP, *LINKING, *LOOPS)
