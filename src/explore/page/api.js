// The program's answers: docs/explorer.md.

const ended = ["done", "failed", "cancelled"];
const silent = "The program does not answer: has it ended?";

async function send(path, how) {
    try {
        return await fetch(path, how);
    } catch {
        throw new Error(silent);
    }
}

function refusal(status, said) {
    if (status === 401 || status === 403)
        return "The program does not know this page any longer: open the address that it printed.";
    if (status === 404)
        return "The program has forgotten this page's work: load the page again to begin anew.";
    if (status === 413)
        return "That is more than the program takes.";
    return said.error || `The program answered ${status}.`;
}

export async function ask(method, path, body, type) {
    const how = {method};
    if (body !== undefined) {
        how.body = type ? body : JSON.stringify(body);
        how.headers = {"Content-Type": type || "application/json"};
    }
    const answer = await send(path, how);
    if (answer.status === 204)
        return null;
    const said = await answer.json().catch(() => ({}));
    if (answer.ok)
        return said;
    const error = new Error(refusal(answer.status, said));
    error.status = answer.status;
    throw error;
}

// What a FILE holds, as a Blob.
export async function bytes(file) {
    const answer = await send(file);
    if (!answer.ok)
        throw new Error("The program does not have that file any longer: make it again.");
    return answer.blob();
}

function pause(time, signal) {
    return new Promise((resolve) => {
        const timer = setTimeout(resolve, time);
        signal.addEventListener("abort", () => {
            clearTimeout(timer);
            resolve();
        });
    });
}

function listen(id, told, signal) {
    return new Promise((resolve) => {
        const events = new EventSource(`/api/jobs/${id}/events`);
        const end = (job) => {
            events.close();
            resolve(job);
        };
        signal.addEventListener("abort", () => end(null));
        events.onmessage = (event) => {
            const job = JSON.parse(event.data);
            told(job);
            if (ended.includes(job.state))
                end(job);
        };
        events.onerror = () => end(null);
    });
}

// Tells of a job as it changes; resolves to what it was at its end, or to null where the signal came before.
export async function follow(id, told, signal) {
    while (!signal.aborted) {
        let job = await listen(id, told, signal);
        if (signal.aborted)
            break;
        if (!job) { // the connection was cut
            job = await ask("GET", `/api/jobs/${id}`).catch((error) => {
                if (error.status === 404)
                    return {job: id, state: "cancelled"}; // long ended
                throw error;
            });
            told(job);
        }
        if (ended.includes(job.state))
            return job;
        await pause(1000, signal);
    }
    return null;
}
