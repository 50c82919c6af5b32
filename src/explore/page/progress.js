// How far a job is, and its cancelling.
import {$, say} from "./dom.js";
import {ask} from "./api.js";

const kinds = {look: "Looking at the photo", find: "Finding directions", edit: "Making the picture", export: "Making the file"};

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
    return what + (job.task ? `: ${job.task}` : "…") + (typeof job.left === "number" ? `, about ${spell(job.left)} left` : "");
}

let shown = null;

export function begin(job) {
    shown = job.job;
    $("progress").hidden = false;
    $("cancel").disabled = false;
    say(kinds[job.kind] || "");
    update(job);
}

export function update(job) {
    if (job.job !== shown)
        return;
    const bar = $("progress-bar");
    $("progress-text").textContent = text(job);
    if (job.total > 0 && job.state === "running") {
        bar.max = job.total;
        bar.value = job.done;
    } else
        bar.removeAttribute("value");
}

export function end(job) {
    if (job !== shown)
        return;
    shown = null;
    $("progress").hidden = true;
}

export function cancelling(failed) {
    $("cancel").onclick = () => {
        if (shown === null)
            return;
        $("cancel").disabled = true;
        ask("DELETE", `/api/jobs/${shown}`).catch(failed);
    };
}
