# cmake -DOUT=FILE.cpp -DDIR=RULES -P embed_rules.cmake: the rule files as string literals.
file(GLOB files ${DIR}/*.yaml)
list(SORT files)
set(body "")
foreach(file ${files})
  file(READ ${file} text)
  get_filename_component(name ${file} NAME)
  string(FIND "${text}" ")probewall\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${file} contains the raw string delimiter")
  endif()
  string(APPEND body "      {\"${name}\", R\"probewall(${text})probewall\"},\n")
endforeach()
file(WRITE ${OUT} "// Generated from userspace/rules/*.yaml.
#include \"core/rules/rule_set.hpp\"

namespace probewall {

const std::vector<RuleText>& RuleSet::builtin() {
  static const std::vector<RuleText> files{
${body}  };
  return files;
}

}  // namespace probewall
")
