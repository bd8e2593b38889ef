#include "tools/troupe/output.hpp"
#include "tools/troupe/plan.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_plan(int argc, char** argv) {
  connection to;
  output how;
  imagined_nodes nodes;
  std::vector<std::string> words;
  command_line line{"plan",
                    "Says what would happen, and changes nothing: which tasks "
                    "would move, make room, or fit nowhere"};
  line.words("WHAT", 1, words,
             "FILE, drain NODE, lose NODE, add, label NODE NAME=VALUE, scale "
             "JOB=COUNT, stop JOB, priority JOB=N, strategy NAME, order NAME");
  line.option("--count", "N", nodes.count, "of nodes that are added [1]");
  line.option("--capacity", "NAME=N,..", nodes.capacity,
              "of each of them, such as cpu=8,memory=16GiB");
  line.option("--labels", "NAME=VALUE,..", nodes.labels, "of each of them");
  line.option("--like", "NODE", nodes.like, "a node that they are like");
  declare(line, how);
  declare(line, to);
  line.example("troupe plan web.json", "where its tasks would go");
  line.example("troupe plan lose n1", "whether the others can take over");
  line.example("troupe plan add --count 2 --like n1",
               "what would start if there were two more");
  line.example("troupe plan priority nightly=100",
               "who would have to make room for it");
  line.example("troupe plan drain n1 || echo something changes",
               "exit code: 0 no change, 1 changes, 2 something does not fit");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  auto change = change_of(words, nodes);
  if (!change)
    return report(change.error());
  auto plan
    = rest{to}.call("POST", url{"/v1/plan"},
                    boost::json::object{{"change", std::move(*change)}});
  if (!plan)
    return report(plan.error());
  if (how.format == "name")
    for (auto& x : elements(field(*plan, "moves")))
      print(inert(text(x, "task")) + '\n');
  else
    static_cast<void>(print_one(*plan, how, "version", [&](const screen& s) {
      return show_plan(*plan, s);
    }));
  return code_of_plan(*plan);
}

} // namespace troupe::tools
