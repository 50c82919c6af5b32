// The program's tab that this page shows, and the jobs that are done for it.
import {complain, calm, say} from "./dom.js";
import {ask, follow} from "./api.js";
import * as progress from "./progress.js";

const LONG = ["find", "export"]; // kinds of jobs that are told of at once
const SOON = 700; // ms: of others so much later

export class Work {
    // shown(another): the tab changed, or is another one; permit(): what is being done changed.
    constructor(shown, permit) {
        this.shown = shown;
        this.permit = permit;
        this.tab = null;
        this.leave();
    }

    // Those of before are no longer followed; the program goes on with them.
    leave() {
        if (this.leaving)
            this.leaving.abort();
        this.leaving = new AbortController();
        this.jobs = new Map();
        this.doing = new Set();
        progress.clear();
    }

    path(rest = "") {
        return `/api/tabs/${this.tab.tab}${rest}`;
    }

    // What the program says that a tab is.
    take(next) {
        const another = !this.tab || this.tab.tab !== next.tab;
        if (!another && next.version < this.tab.version)
            return;
        if (another)
            this.leave();
        this.tab = next;
        sessionStorage.setItem("tab", next.tab);
        this.shown(another);
        if (next.job)
            this.watch(next.job).catch(complain);
    }

    // Follows a job to its end, once; the tab is then asked for again.
    watch(id) {
        const key = String(id);
        if (!this.jobs.has(key))
            this.jobs.set(key, this.attend(key));
        return this.jobs.get(key);
    }

    async attend(id) {
        const {signal} = this.leaving, doing = this.doing, from = Date.now();
        let kind = null, last = null, task = null;
        const told = (job) => {
            if (task && job.task !== task) // what the one before made is there: the photo, say
                this.refresh(signal);
            task = job.task;
            if (!kind && (LONG.includes(job.kind) || Date.now() - from > SOON)) {
                kind = job.kind;
                doing.add(kind);
                progress.begin(id, job);
                this.permit();
            }
            progress.update(id, job);
        };
        try {
            last = await follow(id, told, signal);
        } finally {
            doing.delete(kind);
            progress.end(id);
            this.permit();
        }
        if (!last)
            return null;
        const next = await ask("GET", this.path());
        if (signal.aborted)
            return null;
        if (last.state === "failed")
            complain(new Error(last.error || "That failed, and the program does not say why."));
        if (last.state === "cancelled" && LONG.includes(last.kind))
            say("Cancelled");
        this.take(next);
        return last;
    }

    async refresh(signal) {
        const next = await ask("GET", this.path()).catch(() => null);
        if (next && !signal.aborted)
            this.take(next);
    }

    // Asks for a job of a kind, and follows it; taken(): the program has it.
    async start(kind, method, rest, body, type, taken = () => {}) {
        const doing = this.doing;
        calm();
        doing.add(kind);
        this.permit();
        try {
            const job = await ask(method, this.path(rest), body, type);
            await this.refresh(this.leaving.signal);
            taken();
            return await this.watch(job.job);
        } finally {
            doing.delete(kind);
            this.permit();
        }
    }

    async change(settings) {
        calm();
        this.take(await ask("POST", this.path("/settings"), settings));
    }
}
