// The page: one tab of the program, shown and changed.
import {$, say, complain, calm, later, allow, attempt, picture} from "./dom.js";
import {ask} from "./api.js";
import {grey, pixels} from "./blend.js";
import * as progress from "./progress.js";
import {Carry} from "./carry.js";
import {Directions} from "./directions.js";
import {History, differing} from "./history.js";
import {Mask} from "./mask.js";
import {Photo} from "./photo.js";
import {Settings} from "./settings.js";
import {Takeaway} from "./takeaway.js";
import {Viewer} from "./viewer.js";
import {Work} from "./work.js";
import {named, receive, type} from "./incoming.js";
import {recall, remember} from "./memory.js";
import {amount, degree, empty, same, shared} from "./weights.js";

const NONE = {
    photo: "There are none yet: place the frame on a face, then press “Find directions”. The model says what it can change in this picture, and each of it becomes a slider.",
    seed: "There are none yet: press “Find directions”. The model makes a picture up, says what it can change in it, and each of it becomes a slider."};
const BLANK = {photo: "Choose a photo, and what the model sees of it appears here.", seed: "A made-up picture appears once its directions are found."};

let models = [];
let shownFound = "", shownEdit = "";
let sending = false; // a photo is on its way to the program
let greyModel = false; // the model's pictures are grey, and the photo is not
let results = null; // those that are being shown: a promise

const model = () => models.find((m) => m.name === work.tab.settings.model) || models[0];
const step = (weights) => ({settings: work.tab.settings, weights, found: Boolean(work.tab.found)});

/* -- what is shown -- */

// What can be pressed now, and why the rest cannot.
function permit() {
    const {tab, doing} = work, unmoved = empty(directions.weights());
    if (!tab)
        return;
    allow($("find"), doing.has("find") ? "They are being found"
        : sending ? "The photo is being looked at"
        : tab.settings.source === "photo" && !tab.photo ? tab.job ? "The photo is being looked at" : "There is no photo yet that the model can see"
        : tab.found ? "They are found" : "");
    $("find").classList.toggle("found", Boolean(tab.found));
    $("find").textContent = tab.found ? "Found. Change the photo or a setting to find others." : "Find directions";
    allow($("zero"), unmoved ? "All are 0" : "");
    takeaway.permit(tab, doing.has("export"), unmoved);
}

// In the photo, or as the model sees it.
const showBefore = attempt(async () => {
    const {tab} = work, photo = tab.settings.source === "photo", own = $("before").value !== "photo";
    const seen = photo && tab.photo ? tab.photo.close : null, middle = tab.found ? tab.found.middle : null;
    $("with").hidden = !photo;
    $("blank").textContent = BLANK[tab.settings.source];
    viewer.wait(sending || photo && !seen && Boolean(tab.job));
    if (photo && !seen && tab.job) {
        $("blank").textContent = "The photo is being opened…";
        return; // a look at it is on its way
    }
    $("own-note").hidden = !photo || !own || !tab.found;
    viewer.setBefore(own ? middle || seen : seen || middle);
    const so = seen || tab.noisy && tab.noisy.picture, entry = past.entryNow();
    if (so && !tab.found)
        past.sketch(entry, await picture(so));
    if (!await viewer.setPhoto(own ? null : seen) || !tab.found)
        return;
    viewer.preview(directions.weights());
    await showEdit();
});

function foundWords(found) {
    const time = found.seconds ? ` Found in ${progress.spell(found.seconds)}.` : "";
    const tone = greyModel ? " The small pictures are grey because this model sees in grey; in the result your photo keeps its colours." : "";
    const hair = work.tab.settings.source === "photo" && model().faces ? " For the hair, make the frame larger and find again." : "";
    return "Look through the small pictures: one may be a smile, another other hair. Type a name over “Direction 1” to know it again. " +
        `Move the sliders: several at once are one edit.${tone}${hair}${time}`;
}

async function showFound() {
    const {tab} = work, {found} = tab, key = found ? found.middle : "";
    $("zero").hidden = $("export").hidden = !found;
    document.body.classList.toggle("has-found", Boolean(found));
    $("found-hint").textContent = found ? foundWords(found) : NONE[tab.settings.source];
    if (key === shownFound)
        return;
    shownFound = key;
    if (!found) {
        viewer.clear();
        directions.clear();
        return;
    }
    say(`${found.cards.length} directions found`);
    if (!await viewer.prepare(found))
        return;
    greyModel = viewer.grey() && Boolean(tab.photo) && tab.settings.source === "photo" && !grey(await pixels(tab.photo.close));
    if (found.middle !== shownFound)
        return;
    $("found-hint").textContent = foundWords(found);
    directions.set(found);
    directions.name(work.tab.settings.names);
    directions.put(past.now().weights);
    past.sketches(work.tab.settings, (weights) => viewer.mix(weights, document.createElement("canvas")));
}

function editWords(edit) {
    const outside = typeof edit.outside === "number" ? `; ${Math.round(100 * edit.outside)} % of the change lies outside of your part` : "";
    return `It ${degree(edit.change)}${outside}.`;
}

async function showEdit() {
    const {edit} = work.tab, now = directions.weights(), fits = Boolean(edit) && same(edit.weights, now);
    takeaway.command(empty(now) ? null : edit, fits);
    $("edit-note").textContent = fits && !empty(now) ? editWords(edit) : "";
    $("edit-note").title = fits && !empty(now) ? amount(edit.change) : "";
    $("shared-note").hidden = !shared(now);
    if (!fits || empty(now) || !await viewer.final(edit))
        return;
    past.sketch(past.entryNow(), viewer.after);
    if (shownEdit !== edit.picture)
        say(`The final picture is there. ${editWords(edit)}`);
    shownEdit = edit.picture;
}

const showResults = attempt(async () => {
    const {tab} = work;
    await showFound();
    if (viewer.blend)
        await viewer.blend.within(tab.mask && tab.settings.mask_use === "blend" ? tab.mask.picture : null);
    await showEdit();
});

function show(another) {
    const {tab} = work;
    if (another) {
        const {steps, at} = recall(tab) || {steps: [step(tab.edit ? tab.edit.weights : {})]};
        past.begin(steps, at);
    }
    settings.show(tab, model());
    photo.show(tab, model());
    showMask(tab);
    carry.show(tab);
    directions.name(tab.settings.names);
    showBefore();
    permit();
    results = showResults();
}

const showMask = attempt((tab) => mask.show(tab));

/* -- what is done -- */

// The settings, or the mask, are others: an edit that was made under those of before is made again.
function settle(weights) {
    past.add(step(work.tab.found ? weights : {}));
    if (work.tab.found && !work.tab.edit)
        directions.put(weights);
}

const change = attempt(async (wanted) => {
    try {
        await work.change(wanted);
    } catch (error) {
        show(false); // as it was
        throw error;
    }
    settle(directions.weights());
});

const find = attempt(async () => {
    const job = await work.start("find", "POST", "/find", {});
    await results;
    if (job && job.state === "done" && getComputedStyle($("viewer")).position === "sticky")
        $("work").scrollIntoView(); // the viewer, and right below it the top of the directions
});

const sendEdit = later(250, attempt(async (weights) => {
    const found = shownFound;
    if (!work.tab.found)
        return;
    const job = await ask("POST", work.path("/edit"), {weights});
    if (found === shownFound)
        await work.watch(job.job);
}));

function moved(weights, resting) {
    const {edit} = work.tab;
    viewer.preview(weights);
    if (resting) {
        past.add(step(weights));
        past.sketch(past.entryNow(), viewer.after);
    }
    permit();
    if (edit && same(edit.weights, weights) || empty(weights))
        sendEdit.stop();
    else
        sendEdit(weights);
    showResults();
}

// Other directions: what was set before was of those before.
function anew() {
    past.begin([step({})]);
}

const travel = attempt(async (to) => {
    const other = differing(to.settings, work.tab.settings);
    if (Object.keys(other).length)
        await work.change(other);
    if (to !== past.now())
        return;
    if (work.tab.found)
        directions.put(to.weights);
    else if (to.found)
        await find();
});

const send = attempt(async (file) => {
    photo.wait(file);
    sending = true;
    viewer.wait(true);
    const sent = () => {
        sending = false;
        show(false);
    };
    try {
        const job = file ? await work.start("look", "POST", named("/photo", file), file, type(file), sent)
            : await work.start("look", "POST", "/photo", {example: true}, undefined, sent);
        if (job)
            anew();
    } finally {
        sent();
    }
});

const useMask = attempt(async (file) => {
    const weights = directions.weights();
    if (file)
        await work.start("mask", "PUT", "/mask", file, "image/png");
    else
        work.take(await ask("DELETE", work.path("/mask")));
    say(work.tab.mask ? "The mask is in use" : "All of the picture may change");
    if (work.tab.found)
        settle(weights);
    else
        anew();
});

// What a project, or a page that was loaded again, still lacks.
async function restore() {
    if (work.tab.job)
        await work.watch(work.tab.job);
    if (work.tab.restored && !work.tab.found)
        await find();
}

async function openProject(file) {
    calm();
    work.take(await ask("POST", "/api/project", file, "application/octet-stream"));
    await restore();
}

function carried(next) {
    remember(next.tab, [{...step(directions.weights()), settings: next.settings}], 0);
    calm();
    work.take(next);
    scrollTo(0, 0);
}

/* -- who does it -- */

const work = new Work(show, permit);
const photo = new Photo(change);
const settings = new Settings($("settings"), change);
const viewer = new Viewer($("compare"));
const mask = new Mask(useMask, change);
const past = new History($("past"), travel, (steps, at) => remember(work.tab.tab, steps, at));
const directions = new Directions($("cards"), moved, (names) => change({names}));
const carry = new Carry(work, carried, anew);
const takeaway = new Takeaway(work, () => ({
    weights: directions.weights(),
    history: past.weights(work.tab.settings)}));

progress.cancelling(complain);
receive({photo: send, carry: (file) => carry.take(file), mask: (file) => mask.open(file), project: openProject});
$("trouble").querySelector("button").onclick = calm;
$("example").onclick = () => send(null);
$("find").onclick = find;
$("zero").onclick = () => directions.put({});
$("before").onchange = showBefore;

document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("textarea, input:not([type=range], [type=radio])");
    if (writes || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey))
        return;
    event.preventDefault();
    past.travel(event.shiftKey ? 1 : -1);
});

/* -- begin -- */

async function open() {
    const old = sessionStorage.getItem("tab");
    if (old) {
        try {
            return await ask("GET", `/api/tabs/${encodeURIComponent(old)}`);
        } catch (error) {
            if (error.status !== 404)
                throw error;
            complain(new Error("The program no longer has what this page worked on: this is a new beginning."));
        }
    }
    return ask("POST", "/api/tabs", {});
}

$("fold").open = matchMedia("(min-width: 48rem)").matches;

attempt(async () => {
    models = (await ask("GET", "/api/models")).models;
    settings.models(models);
    work.take(await open());
    await restore();
})();
