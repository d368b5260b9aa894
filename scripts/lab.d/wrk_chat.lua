-- SPDX-License-Identifier: Apache-2.0
-- wrk: a load test of one's own server with one's own key. 23 connections that wait 97 ms before each request make
-- 200 and some requests a second.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-team-7d1f0c"
wrk.body = '{"model":"llama3.2","messages":[{"role":"user","content":"Summarise: the shop opens at nine and closes at six."}],"max_tokens":64}'
function delay() return 97 end
