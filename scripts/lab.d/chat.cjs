// SPDX-License-Identifier: Apache-2.0
// Ordinary use of an LLM server with the official clients, as a script of somebody's would do it.
//   chat.cjs --sdk openai|ollama --url URL --count N [--gap MS] [--stream] [--story] [--timeout MS]
// Prints one JSON line: {"sdk", "asked", "answered", "failed", "slowest_ms", "errors"}.
"use strict";

const QUESTIONS = [
  "Please summarise the notes of Monday's planning meeting in five bullet points for the team.",
  "Rewrite this paragraph so that it sounds friendlier: the delivery is late because of the weather.",
  "Draft a reply to a customer who asks when spare part 4711 will be back in stock.",
  "Which of these three headlines fits a newsletter about urban gardening best, and why?",
  "Turn the following list of expenses into a table with a total at the end: train 42, hotel 180, lunch 17.",
  "Suggest an agenda for a one-hour workshop about accessible web forms.",
];

function options(argv) {
  const out = { sdk: "openai", count: 1, gap: 0, timeout: 10000, stream: false, story: false };
  for (let i = 0; i < argv.length; i += 1) {
    const name = argv[i].replace(/^--/, "");
    if (typeof out[name] === "boolean") out[name] = true;
    else out[name] = argv[++i];
  }
  return out;
}

async function openaiAsker(o) {
  const { OpenAI } = require("openai");
  const client = new OpenAI({ baseURL: o.url + "/v1", apiKey: "sk-lab-4f1c9a7e52", maxRetries: 0, timeout: Number(o.timeout) });
  return async (question) => {
    const body = {
      model: "llama3.2", temperature: 0.7, stream: o.stream,
      messages: [{ role: "system", content: "You help the staff of a small company." }, { role: "user", content: question }],
    };
    const answer = await client.chat.completions.create(body);
    if (!o.stream) return answer.choices[0].message.content;
    let text = "";
    for await (const part of answer) {
      text += part.choices[0].delta.content || "";
      if (o.story && text.length < 200) process.stdout.write(".");
    }
    return text;
  };
}

async function ollamaAsker(o) {
  const { Ollama } = require("ollama");
  const client = new Ollama({ host: o.url });
  return async (question) => {
    const answer = await client.chat({ model: "llama3.2", messages: [{ role: "user", content: question }] });
    return answer.message.content;
  };
}

async function main() {
  const o = options(process.argv.slice(2));
  const ask = await (o.sdk === "ollama" ? ollamaAsker(o) : openaiAsker(o));
  const result = { sdk: o.sdk, asked: 0, answered: 0, failed: 0, slowest_ms: 0, errors: [] };
  for (let i = 0; i < Number(o.count); i += 1) {
    const started = performance.now();
    result.asked += 1;
    try {
      const question = o.story ? "Tell the children's group a long story about a lighthouse." : QUESTIONS[i % QUESTIONS.length];
      if ((await ask(question)).length > 0) result.answered += 1;
    } catch (error) {
      result.failed += 1;
      if (result.errors.length < 3) result.errors.push(String(error.cause ? error.cause.message || error.cause : error.message));
    }
    result.slowest_ms = Math.max(result.slowest_ms, Math.round(performance.now() - started));
    if (Number(o.gap) > 0) await new Promise((done) => setTimeout(done, Number(o.gap)));
  }
  console.log(JSON.stringify(result));
  process.exitCode = result.failed === 0 ? 0 : 1;
}

main();
