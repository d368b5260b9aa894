// SPDX-License-Identifier: Apache-2.0
// The one server of the lab that is ours: LM Studio itself cannot be installed from a package. It speaks as much of LM
// Studio's WebSocket protocol as @lmstudio/sdk needs to list models and to chat, and answers HTTP as LM Studio does.
//   lmstudio.cjs PORT
"use strict";
const http = require("http");
const { WebSocketServer } = require("ws");

const MODEL = {
  type: "llm", modelKey: "llama-3.2-3b-instruct", format: "gguf", displayName: "Llama 3.2 3B", path: "lmstudio-community/llama-3.2-3b",
  sizeBytes: 2019393189, architecture: "llama", vision: false, trainedForToolUse: true, maxContextLength: 131072,
};
const LOADED = { ...MODEL, identifier: MODEL.modelKey, instanceReference: "instance-1", contextLength: 4096 };
const NO_SETTINGS = { fields: [] };
const ANSWER = ["Certainly. ", "Here is ", "a short ", "answer."];

const CALLS = {
  listDownloadedModels: () => [MODEL],
  listLoaded: () => [LOADED],
  getModelInfo: () => LOADED,
  getLoadConfig: () => NO_SETTINGS,
  countTokens: () => ({ tokenCount: 12 }),
  version: () => ({ version: "0.3.30", build: 1 }),
};

function predict(send) {
  for (const content of ANSWER) {
    const fragment = { content, tokensCount: 2, containsDrafted: false, reasoningType: "none", isStructural: false };
    send({ type: "fragment", fragment });
  }
  const stats = { stopReason: "eosFound", promptTokensCount: 12, predictedTokensCount: 8, totalTokensCount: 20 };
  send({ type: "success", stats, modelInfo: LOADED, loadModelConfig: NO_SETTINGS, predictionConfig: NO_SETTINGS });
}

const CHANNELS = { predict, getOrLoad: (send) => send({ type: "alreadyLoaded", info: LOADED }) };

function converse(socket) {
  const say = (message) => socket.send(JSON.stringify(message));
  let known = false;
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (!known) {
      known = true;
      say({ success: true });
    } else if (message.type === "rpcCall" && CALLS[message.endpoint]) {
      say({ type: "rpcResult", callId: message.callId, result: CALLS[message.endpoint]() });
    } else if (message.type === "channelCreate" && CHANNELS[message.endpoint]) {
      CHANNELS[message.endpoint]((part) => say({ type: "channelSend", channelId: message.channelId, message: part }));
      say({ type: "channelClose", channelId: message.channelId });
    } else if (message.type === "keepAlive") {
      say({ type: "keepAliveAck" });
    }
  });
}

const server = http.createServer((request, response) => {
  const answers = {
    "/lmstudio-greeting": { lmstudio: true },
    "/v1/models": { object: "list", data: [{ id: MODEL.modelKey, object: "model", owned_by: "organization_owner" }] },
  };
  // Unknown paths get status 200 too, as from LM Studio.
  const body = answers[request.url] || { error: `Unexpected endpoint or method. (${request.method} ${request.url})` };
  request.resume();
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(body));
});
new WebSocketServer({ server }).on("connection", converse);
server.listen(Number(process.argv[2]), "::");
