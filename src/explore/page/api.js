// The program's answers: docs/explorer.md.

const ended = ["done", "failed", "cancelled"];

export async function ask(method, path, body, type) {
    const how = {method};
    if (body !== undefined) {
        how.body = type ? body : JSON.stringify(body);
        how.headers = {"Content-Type": type || "application/json"};
    }
    let answer;
    try {
        answer = await fetch(path, how);
    } catch {
        throw new Error("The program does not answer: has it ended?");
    }
    if (answer.status === 204)
        return null;
    const said = await answer.json().catch(() => ({}));
    if (answer.ok)
        return said;
    const error = new Error(answer.status === 401 || answer.status === 403
        ? "The program does not know this page any longer: open the address that it printed."
        : answer.status === 404 ? "The program has forgotten this page's work: load the page again to begin anew."
        : said.error || `The program answered ${answer.status}.`);
    error.status = answer.status;
    throw error;
}

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

function listen(id, told) {
    return new Promise((resolve) => {
        const events = new EventSource(`/api/jobs/${id}/events`);
        events.onmessage = (event) => {
            const job = JSON.parse(event.data);
            told(job);
            if (ended.includes(job.state)) {
                events.close();
                resolve(job);
            }
        };
        events.onerror = () => {
            events.close();
            resolve(null);
        };
    });
}

// Tells of a job as it changes; resolves to what it was at its end.
export async function follow(id, told) {
    for (;;) {
        let job = await listen(id, told);
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
        await pause(1000);
    }
}
