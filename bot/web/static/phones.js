// The page of virtual phones: draws each phone's conversation and follows it by long poll.

const STORE = "switchboard.phones";
const FIRST = ["+12025550101", "+12025550102", "+12025550103", "+12025550104"];
const WAIT_SECONDS = 20;
const LONGEST_PAUSE = 10_000;
const NEAR_END = 60;

const byId = (id) => document.getElementById(id);
const cards = new Map();
const seen = new Set();
let after = 0;
let asking = new AbortController();

// --- asking the server ------------------------------------------------------------------

async function ask(path, options) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error || `The server answered ${answer.status}.`);
  return body;
}

async function normal(text) {
  return (await ask(`/phones/number?${new URLSearchParams({ text })}`)).number;
}

function say(state, text) {
  const status = byId("status");
  status.dataset.state = state;
  if (status.textContent !== text) status.textContent = text;
}

async function follow() {
  let pause = 500;
  let wait = 0;
  for (;;) {
    asking = new AbortController();
    const signal = asking.signal;
    const query = new URLSearchParams({ after, wait });
    for (const number of cards.keys()) query.append("number", number);
    try {
      const news = await ask(`/phones/talk?${query}`, { signal });
      if (signal.aborted) continue;
      show(news);
      say("live", "Connected");
      pause = 500;
      wait = WAIT_SECONDS;
    } catch (error) {
      wait = 0;
      if (signal.aborted) continue;
      say("lost", "No connection: trying again");
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

// Ask again from the beginning, as the set of phones is another one.
function restart() {
  localStorage.setItem(STORE, JSON.stringify([...cards.keys()]));
  after = 0;
  seen.clear();
  for (const card of cards.values()) card.clear();
  suggest();
  asking.abort();
}

function show(news) {
  for (const message of news.messages) {
    after = Math.max(after, message.id);
    if (seen.has(message.id)) continue;
    seen.add(message.id);
    cards.get(message.number)?.add(message);
  }
  const known = news.phones.filter((number) => !cards.has(number));
  byId("recent").replaceChildren(...known.map((number) => new Option(pretty(number), number)));
}

// --- drawing ----------------------------------------------------------------------------

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function pretty(number) {
  return number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1-$2-$3");
}

class Card {
  constructor(number) {
    this.root = byId("phone").content.firstElementChild.cloneNode(true);
    this.find = (selector) => this.root.querySelector(selector);
    this.talk = this.find(".talk");
    this.input = this.find(".text");
    this.field = this.find(".number");
    this.rename(number);
    this.clear();
    this.find(".remove").addEventListener("click", () => this.remove());
    this.find(".write").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.input.value.trim()) this.send(this.input.value, true);
    });
    this.field.addEventListener("change", () => this.change());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.field.blur();
      if (event.key === "Escape") this.field.value = pretty(this.number);
    });
  }

  rename(number) {
    this.number = number;
    const name = pretty(number);
    this.field.value = name;
    this.root.setAttribute("aria-label", `Phone ${name}`);
    this.field.setAttribute("aria-label", `Number of phone ${name}`);
    this.talk.setAttribute("aria-label", `Conversation of ${name}`);
    this.input.setAttribute("aria-label", `Message from ${name}`);
    this.find(".remove").setAttribute("aria-label", `Remove phone ${name}`);
    this.find(".remove").title = "Remove this phone from the page";
  }

  clear() {
    const join = element("button", "strong", "Send JOIN");
    join.addEventListener("click", () => this.send("JOIN", false));
    this.talk.replaceChildren(element("div", "empty", "Nothing here yet.", join));
    this.choices = null;
  }

  add(message) {
    const { scrollHeight, scrollTop, clientHeight } = this.talk;
    const follows = !message.ours || scrollHeight - scrollTop - clientHeight < NEAR_END;
    this.find(".empty")?.remove();
    const bubble = element("div", "bubble", message.text || "\u00a0");
    bubble.dir = "auto";
    const item = element("div", message.ours ? "message ours" : "message", bubble, note(message));
    this.talk.append(item);
    if (message.ours) this.offer(message.choices);
    if (follows) this.talk.scrollTop = this.talk.scrollHeight;
  }

  // Only the last question can be answered with a button; an older one by typing.
  offer(labels) {
    this.choices?.remove();
    this.choices = null;
    if (!labels.length) return;
    this.choices = element("div", "choices", ...labels.map((label) => this.button(label)));
    this.choices.setAttribute("role", "group");
    this.choices.setAttribute("aria-label", "Answers");
    this.talk.append(this.choices);
  }

  button(label) {
    const [, digit, words] = label.match(/^(\d+)(?:[\s.)]+(.*))?$/su) ?? [];
    const made = digit
      ? element("button", "", element("kbd", "", digit), words ?? "")
      : element("button", "plain", label);
    made.type = "button";
    made.dir = "auto";
    made.addEventListener("click", () => this.send(digit ?? label, false));
    return made;
  }

  async send(text, typed) {
    if (this.sending) return;
    this.sending = true;
    this.complain("");
    const body = JSON.stringify({ from: this.number, text });
    const headers = { "Content-Type": "application/json" };
    try {
      await ask("/simulator/messages", { method: "POST", headers, body });
      if (typed && this.input.value === text) this.input.value = "";
      this.input.focus();
    } catch (error) {
      this.complain(`Not sent: ${error.message}`);
    } finally {
      this.sending = false;
    }
  }

  async change() {
    this.complain("");
    try {
      const number = await normal(this.field.value);
      if (number === this.number) return this.rename(number);
      if (cards.has(number)) throw new Error("That phone is on the page already.");
      const kept = [...cards.values()];
      this.rename(number);
      cards.clear();
      for (const card of kept) cards.set(card.number, card);
      restart();
    } catch (error) {
      this.field.value = pretty(this.number);
      this.complain(error.message);
    }
  }

  remove() {
    cards.delete(this.number);
    this.root.remove();
    restart();
    byId("new").focus();
  }

  complain(text) {
    this.find(".problem").textContent = text;
  }
}

function note(message) {
  const moment = new Date(message.at);
  const time = element("time", "", moment.toLocaleTimeString([], { timeStyle: "short" }));
  time.dateTime = message.at;
  time.title = moment.toLocaleString();
  const made = element("div", "note", time);
  const parts = message.segments === 1 ? "1 segment" : `${message.segments} segments`;
  if (message.ours) made.append(` \u00b7 ${parts}`);
  return made;
}

// --- adding phones ----------------------------------------------------------------------

function put(number) {
  const card = new Card(number);
  cards.set(number, card);
  byId("phones").append(card.root);
  return card;
}

// 555-0100 to 555-0199 are set aside for fiction: no such number reaches anybody.
function suggest() {
  for (let last = 101; last < 200; last += 1) {
    const number = `+12025550${last}`;
    if (!cards.has(number)) {
      byId("new").value = pretty(number);
      return;
    }
  }
}

byId("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("problem").textContent = "";
  try {
    const number = await normal(byId("new").value);
    if (!cards.has(number)) put(number);
    restart();
    cards.get(number).root.scrollIntoView({ block: "nearest" });
    cards.get(number).input.focus();
  } catch (error) {
    byId("problem").textContent = error.message;
  }
});

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(STORE));
    return Array.isArray(found) && found.every((one) => typeof one === "string") ? found : FIRST;
  } catch {
    return FIRST;
  }
}

kept().forEach(put);
suggest();
follow();
