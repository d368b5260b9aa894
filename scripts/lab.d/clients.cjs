// SPDX-License-Identifier: Apache-2.0
// Somebody's program built on an official client: it looks once at what there is, as such programs do when they start,
// and then goes on using it until the time is over.
//   clients.cjs --sdk NAME --url URL --seconds N [--gap MS] [--key KEY]
// Prints one JSON line: {"sdk", "asked", "answered", "failed", "errors"}.
"use strict";
const assert = require("assert");

const TASKS = [
  "Please summarise the notes of Monday's planning meeting in five bullet points for the team.",
  "Rewrite this paragraph so that it sounds friendlier: the delivery is late because of the weather.",
  "Draft a reply to a customer who asks when spare part 4711 will be back in stock.",
  "Which of these three headlines fits a newsletter about urban gardening best, and why?",
  "Turn this list of expenses into a table with a total at the end: train 42, hotel 180, lunch 17.",
  "Suggest an agenda for a one-hour workshop about accessible web forms.",
];
const SYSTEM = "You help the staff of a small company.";
const MODEL = "llama3.2";
const filled = (text) => assert(typeof text === "string" && text.length > 0, "an empty answer");
const turn = (task) => [{ role: "system", content: SYSTEM }, { role: "user", content: task }];

async function drain(stream, text) {
  let all = "";
  for await (const part of stream) all += text(part) || "";
  filled(all);
}

// Each client: async (options) -> {start: [...], loop: [...], end}; the members are functions of a task, one request or more each.
const CLIENTS = {
  async openai(o) {
    const { OpenAI } = require("openai");
    const client = new OpenAI({ baseURL: o.url + "/v1", apiKey: o.key, maxRetries: 2, timeout: 15000 });
    const chat = (task, more) => client.chat.completions.create({ model: MODEL, messages: turn(task), temperature: 0.7, ...more });
    return {
      start: [async () => assert((await client.models.list()).data.length > 0)],
      loop: [
        async (task) => filled((await chat(task)).choices[0].message.content),
        async (task) => drain(await chat(task, { stream: true }), (part) => part.choices[0].delta.content),
        async (task) => assert((await client.embeddings.create({ model: "nomic-embed-text", input: task })).data.length === 1),
        async (task) => filled((await client.responses.create({ model: MODEL, instructions: SYSTEM, input: task })).output_text),
      ],
    };
  },

  async ollama(o) {
    const { Ollama } = require("ollama");
    const client = new Ollama({ host: o.url });
    return {
      start: [async () => assert((await client.list()).models.length > 0), async () => filled((await client.version()).version)],
      loop: [
        async (task) => filled((await client.chat({ model: MODEL, messages: turn(task) })).message.content),
      ],
    };
  },

  async anthropic(o) {
    const Anthropic = require("@anthropic-ai/sdk");
    const client = new Anthropic({ baseURL: o.url, apiKey: o.key, maxRetries: 2, timeout: 15000 });
    const body = (task) => ({ model: "claude-sonnet-4-5", max_tokens: 1024, system: SYSTEM, messages: [{ role: "user", content: task }] });
    return {
      start: [],
      loop: [
        async (task) => filled((await client.messages.create(body(task))).content[0].text),
        async (task) => filled((await client.messages.stream(body(task)).finalMessage()).content[0].text),
      ],
    };
  },

  async lmstudio(o) {
    const { LMStudioClient } = require("@lmstudio/sdk");
    const silent = { debug() {}, info() {}, warn() {}, error() {} };
    const client = new LMStudioClient({ baseUrl: o.url.replace("http", "ws"), logger: silent });
    let model;
    return {
      start: [
        async () => assert((await client.system.listDownloadedModels()).length > 0),
        async () => { model = await client.llm.model("llama-3.2-3b-instruct"); },
      ],
      loop: [
        async (task) => filled((await model.respond(turn(task))).content),
        async (task) => drain(model.respond(turn(task)), (part) => part.content),
        async () => assert((await client.llm.listLoaded()).length > 0),
      ],
    };
  },

  async langchain(o) {
    const { ChatOpenAI } = require("@langchain/openai");
    const { createAgent } = require("langchain");
    const model = new ChatOpenAI({ model: MODEL, apiKey: o.key, temperature: 0.2, timeout: 15000, configuration: { baseURL: o.url + "/v1" } });
    const agent = createAgent({ model, tools: [], systemPrompt: SYSTEM });
    return {
      start: [],
      loop: [
        async (task) => filled((await model.invoke([["system", SYSTEM], ["human", task]])).content),
        async (task) => drain(await model.stream(task), (part) => part.content),
        async (task) => filled((await agent.invoke({ messages: [{ role: "user", content: task }] })).messages.at(-1).content),
        async (task) => (await model.batch([task, TASKS[0]])).forEach((answer) => filled(answer.content)),
      ],
    };
  },

  async vercel(o) {
    const { generateText, streamText } = require("ai");
    const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
    const model = createOpenAICompatible({ name: "house", baseURL: o.url + "/v1", apiKey: o.key })(MODEL);
    const call = (task) => ({ model, system: SYSTEM, prompt: task, abortSignal: AbortSignal.timeout(15000) });
    return {
      start: [],
      loop: [async (task) => filled((await generateText(call(task))).text), async (task) => drain(streamText(call(task)).textStream, (text) => text)],
    };
  },

  async mcp(o) {
    const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client({ name: "office-assistant", version: "1.4.0" });
    return {
      start: [
        () => client.connect(new StreamableHTTPClientTransport(new URL(o.url + "/mcp"))),
        async () => assert((await client.listTools()).tools.length > 0),
        async () => assert((await client.listResources()).resources.length > 0),
      ],
      loop: [
        async (task) => filled((await client.callTool({ name: "echo", arguments: { message: task } })).content[0].text),
        async (task, i) => filled((await client.callTool({ name: "get-sum", arguments: { a: i, b: 4 } })).content[0].text),
        async () => client.ping(),
      ],
      end: () => client.close(),
    };
  },
};

function options(argv) {
  const out = { sdk: "openai", seconds: 10, gap: 500, key: "sk-team-7d1f0c" };
  for (let i = 0; i < argv.length; i += 2) out[argv[i].replace(/^--/, "")] = argv[i + 1];
  return out;
}

async function main() {
  const o = options(process.argv.slice(2));
  const result = { sdk: o.sdk, asked: 0, answered: 0, failed: 0, errors: [] };
  const attempt = async (work, i) => {
    result.asked += 1;
    try {
      await work(TASKS[i % TASKS.length], i);
      result.answered += 1;
    } catch (error) {
      result.failed += 1;
      if (result.errors.length < 3) result.errors.push(String((error.cause && error.cause.message) || error.message).slice(0, 200));
    }
  };
  const client = await CLIENTS[o.sdk](o);
  const until = performance.now() + 1000 * Number(o.seconds);
  for (const work of client.start) await attempt(work, 0);
  for (let i = 0; performance.now() < until; i += 1) {
    await attempt(client.loop[i % client.loop.length], i);
    await new Promise((done) => setTimeout(done, Number(o.gap)));
  }
  if (client.end) await client.end().catch(() => {});
  console.log(JSON.stringify(result));
  process.exit(result.failed === 0 ? 0 : 1); // a stuck socket must not keep it alive
}

main();
