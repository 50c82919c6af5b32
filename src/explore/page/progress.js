// How far the jobs are: of those under way, the one that began last; and its cancelling.
import {$, say} from "./dom.js";
import {ask} from "./api.js";

const kinds = {
    look: "Looking at the picture", mask: "Reading the mask", find: "Finding directions", edit: "The final picture",
    export: "Making the file"};
const tasks = {
    inverting: "reading the photo", encoding: "reading the photo", "reading the picture": "reading the photo",
    embedding: "reading the words", "moving to t": "adding noise", moving: "adding noise", basis: "looking for directions",
    verifying: "checking them", guiding: "making the change", "re-linearising": "making the change", decoding: "drawing the pictures",
    sampling: "drawing the pictures", "pre-images": "looking for what they change"};
const trying = {guiding: "trying them out", "re-linearising": "trying them out"}; // directions that were found

const running = new Map();

export function spell(seconds) {
    const s = Math.ceil(seconds);
    if (s < 90)
        return `${s} s`;
    return s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

function text(job) {
    const what = kinds[job.kind] || job.kind;
    if (job.state === "waiting")
        return `${what}: waits for other work`;
    const task = job.kind === "find" && trying[job.task] || tasks[job.task];
    return what + (task ? `: ${task}` : "…") +
        (typeof job.left === "number" ? `, about ${spell(job.left)} left` : "");
}

const newest = () => [...running.keys()].pop();

function draw() {
    const job = running.get(newest()), bar = $("progress-bar");
    $("progress").hidden = !job;
    if (!job)
        return;
    $("progress-text").textContent = text(job);
    $("cancel").disabled = Boolean(job.cancelling);
    if (job.total > 0 && job.state === "running") {
        bar.max = job.total;
        bar.value = job.done;
    } else
        bar.removeAttribute("value");
}

export function begin(id, job) {
    running.set(id, job);
    say(kinds[job.kind] || job.kind);
    draw();
}

export function update(id, job) {
    const before = running.get(id);
    if (!before)
        return;
    running.set(id, {...job, cancelling: before.cancelling});
    draw();
}

export function end(id) {
    running.delete(id);
    draw();
}

export function clear() {
    running.clear();
    draw();
}

export function cancelling(failed) {
    $("cancel").onclick = () => {
        const id = newest();
        if (!id)
            return;
        running.get(id).cancelling = true;
        draw();
        ask("DELETE", `/api/jobs/${id}`).catch(failed);
    };
}
