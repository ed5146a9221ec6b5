// What the parser says of bad configurations, word for word.

#include <algorithm>

#include <gtest/gtest.h>

#include "starocean/control/config.h"

namespace starocean::control {
namespace {

std::string errors_of(std::string_view text) {
  const auto config = parse_config(text, "site.yaml");
  return config ? "no error" : config.error().message();
}

struct BadInput {
  std::string_view name;
  std::string_view text;
  std::string_view message;
};

// One mistake each.
constexpr BadInput kBadInputs[] = {
    {"not a map", "- version\n",
     "site.yaml:1:1: cannot use the configuration: it is a list; write a map of keys and values"},
    {"a single value", "hello\n",
     "site.yaml:1:1: cannot use the configuration: it is a single value; write a map of keys and "
     "values"},
    {"empty", "# nothing\n",
     "site.yaml: cannot use the file: it is empty; write at least 'version: 1'"},
    {"no version", "node: a\n",
     "site.yaml:1:1: cannot use the configuration: it has no key 'version'; add 'version:' with 1"},
    {"version of the future", "version: 2\n",
     "site.yaml:1:10: cannot use version: 2 is out of range; write 1"},
    {"version as text", "version: \"1\"\n",
     "site.yaml:1:10: cannot use version: '1' in quotes is a text; write 1"},
    {"unknown key", "version: 1\nintefaces: {}\n",
     "site.yaml:2:1: cannot use the key 'intefaces': there is no such key; did you mean "
     "'interfaces'?"},
    {"unknown key, nothing near", "version: 1\nfirewall: {}\n",
     "site.yaml:2:1: cannot use the key 'firewall': there is no such key; the keys here are "
     "version, "
     "node, workers, memory, on_exit, interfaces, bridges, vlans, vrfs, icmp_rate, api"},
    {"unknown key, deeper", "version: 1\ninterfaces:\n  lan1: {qeues: 2}\n",
     "site.yaml:3:10: cannot use the key 'qeues' in interfaces.lan1: there is no such key; did you "
     "mean 'queues'?"},
    {"key of a later version", "version: 1\nnat: {}\n",
     "site.yaml:2:1: cannot use the key 'nat': it is not supported by this version of starocean; "
     "remove it"},
    {"unknown member key",
     "version: 1\ninterfaces: {a: }\nbridges: {b: {interfaces: {a: {color: 1}}}}\n",
     "site.yaml:3:32: cannot use the key 'color' in bridges.b.interfaces.a: there is no such key; "
     "the keys here are vlan, trunk, native, qinq, tag_type, sticky, mac_limit, storm_control, "
     "mirror_to, mirror"},
    {"on_exit: stop", "version: 1\non_exit: stop\n",
     "site.yaml:2:10: cannot use on_exit: 'stop' is not one of the choices; write pass or block"},
    {"offload: true", "version: 1\ninterfaces: {a: {offload: true}}\n",
     "site.yaml:2:27: cannot use interfaces.a.offload: 'true' is not supported by this version of "
     "starocean; write false"},
    {"word for a number", "version: 1\nmemory: {frames: many}\n",
     "site.yaml:2:18: cannot use memory.frames: 'many' is not a whole number in decimal digits; "
     "write "
     "a whole number from 512 to 4194304"},
    {"map for a number", "version: 1\nmemory: {frames: {a: 1}}\n",
     "site.yaml:2:18: cannot use memory.frames: it is a map; write a whole number from 512 to "
     "4194304"},
    {"nothing for a number", "version: 1\nmemory:\n  frames:\n",
     "site.yaml:3:3: cannot use memory.frames: it has no value; write a whole number from 512 to "
     "4194304"},
    {"negative number", "version: 1\nmemory: {frames: -1}\n",
     "site.yaml:2:18: cannot use memory.frames: -1 is out of range; write a whole number from 512 "
     "to "
     "4194304"},
    {"frame size", "version: 1\nmemory: {frame_size: 3000}\n",
     "site.yaml:2:22: cannot use memory.frame_size: '3000' is not a power of two; write 2048 or "
     "4096 "
     "bytes"},
    {"headroom", "version: 1\nmemory: {headroom: 271}\n",
     "site.yaml:2:20: cannot use memory.headroom: 271 bytes leave too little of a frame of 2048 "
     "for a "
     "packet of 1522; write at most 270, or a frame_size of 4096"},
    {"choice", "version: 1\nworkers: {poll: fast}\n",
     "site.yaml:2:17: cannot use workers.poll: 'fast' is not one of the choices; write adaptive, "
     "busy "
     "or interrupt"},
    {"list for a map", "version: 1\nworkers: [1]\n",
     "site.yaml:2:10: cannot use workers: it is a list; write a map of keys and values"},
    {"number for a list", "version: 1\nworkers: {cpus: 3}\n",
     "site.yaml:2:17: cannot use workers.cpus: it is a single value; write a list of whole numbers "
     "from 0 to 1023, each once"},
    {"CPU twice", "version: 1\nworkers: {cpus: [1, 2, 1]}\n",
     "site.yaml:2:24: cannot use workers.cpus: 1 is already in the list; write a list of whole "
     "numbers "
     "from 0 to 1023, each once"},
    {"ring that is no power of two", "version: 1\ninterfaces: {a: {rings: {rx: 1000}}}\n",
     "site.yaml:2:30: cannot use interfaces.a.rings.rx: 1000 is not a power of two; write a power "
     "of "
     "two from 64 to 32768"},
    {"no queues", "version: 1\ninterfaces: {a: {queues: 0}}\n",
     "site.yaml:2:26: cannot use interfaces.a.queues: 0 is out of range; write a whole number from "
     "1 "
     "to 1024, or all"},
    {"queues", "version: 1\ninterfaces: {a: {queues: some}}\n",
     "site.yaml:2:26: cannot use interfaces.a.queues: 'some' is not a whole number in decimal "
     "digits; "
     "write a whole number from 1 to 1024, or all"},
    {"device name", "version: 1\ninterfaces: {a: {device: eth0/1}}\n",
     "site.yaml:2:26: cannot use interfaces.a.device: 'eth0/1' is not of that form; write 1 to 15 "
     "characters without '/', ':' and spaces"},
    {"interface name", "version: 1\ninterfaces: {much-too-long-name: {}}\n",
     "site.yaml:2:14: cannot use the name 'much-too-long-name' in interfaces: it is not of the "
     "form of "
     "a name; write 1 to 15 characters without '/', ':' and spaces"},
    {"number for a text", "version: 1\nnode: 12\n",
     "site.yaml:2:7: cannot use node: '12' is not a text; put quotes around it"},
    {"interface declared twice", "version: 1\ninterfaces:\n  lan1: {}\n  lan1: {}\n",
     "site.yaml:4:3: cannot use the key 'lan1' a second time: it is already in this map at 3:3; "
     "remove "
     "one of the two, or merge what is under them"},
    {"device taken twice", "version: 1\ninterfaces:\n  a: {device: eth0}\n  b: {device: eth0}\n",
     "site.yaml:4:15: cannot use interface 'b': its device 'eth0' is already that of interface 'a' "
     "at "
     "3:3; give each interface a device of its own"},
    {"device that is the name of another",
     "version: 1\ninterfaces: {eth0: {}, b: {device: eth0}}\n",
     "site.yaml:2:36: cannot use interface 'b': its device 'eth0' is already that of interface "
     "'eth0' "
     "at 2:14; give each interface a device of its own"},
    {"port in two bridges",
     "version: 1\ninterfaces: {a: , b: }\nbridges:\n  x: {interfaces: [a, b]}\n  y: {interfaces: "
     "[b]}\n",
     "site.yaml:5:20: cannot put interface 'b' into bridge 'y': it is in bridge 'x' at 4:23; "
     "remove it "
     "from one of the two"},
    {"port twice in a bridge",
     "version: 1\ninterfaces: {a: }\nbridges: {x: {interfaces: [a, a]}}\n",
     "site.yaml:3:31: cannot put interface 'a' into bridge 'x': it is already in it at 3:28; name "
     "it "
     "once"},
    {"port not declared", "version: 1\ninterfaces: {lan1: }\nbridges: {x: {interfaces: [wan7]}}\n",
     "site.yaml:3:28: cannot put interface 'wan7' into bridge 'x': there is no such interface; "
     "declare "
     "it under 'interfaces'"},
    {"port misspelt", "version: 1\ninterfaces: {lan1: }\nbridges: {x: {interfaces: [lna1]}}\n",
     "site.yaml:3:28: cannot put interface 'lna1' into bridge 'x': there is no such interface; did "
     "you "
     "mean 'lan1'?"},
    {"bridge without interfaces", "version: 1\nbridges: {x: {}}\n",
     "site.yaml:2:11: cannot use bridges.x: it has no key 'interfaces'; add 'interfaces:' with a "
     "list "
     "of names, or a map from names to their settings"},
    {"duration without unit", "version: 1\nbridges: {x: {interfaces: [], mac_aging: 300}}\n",
     "site.yaml:2:42: cannot use bridges.x.mac_aging: '300' has no unit (ms, s, m or h); write a "
     "duration from 100ms to 1000000s, such as 300s"},
    {"duration out of range", "version: 1\nbridges: {x: {interfaces: [], mac_aging: 1ms}}\n",
     "site.yaml:2:42: cannot use bridges.x.mac_aging: '1ms' is out of range; write a duration from "
     "100ms to 1000000s, such as 300s"},
    {"static address of no member",
     "version: 1\ninterfaces: {a: , b: }\n"
     "bridges: {x: {interfaces: [a], static: {\"02:00:00:00:00:01\": b}}}\n",
     "site.yaml:3:41: cannot use the static address 02:00:00:00:00:01 of bridge 'x': interface 'b' "
     "is "
     "not in this bridge; name one of the bridge's interfaces"},
    {"static group address",
     "version: 1\ninterfaces: {a: }\n"
     "bridges: {x: {interfaces: [a], static: {\"01:80:c2:00:00:00\": a}}}\n",
     "site.yaml:3:41: cannot use the static address 01:80:c2:00:00:00 of bridge 'x': it is not the "
     "address of one station; write a unicast address"},
    {"static address in two spellings",
     "version: 1\ninterfaces: {a: }\n"
     "bridges: {x: {interfaces: [a], static: {02-00-00-00-00-0a: a, 02-00-00-00-00-0A: a}}}\n",
     "site.yaml:3:63: cannot use the static address 02:00:00:00:00:0a of bridge 'x': it already "
     "stands "
     "at 3:41; write it once"},
    {"no address",
     "version: 1\ninterfaces: {a: }\nbridges: {x: {interfaces: [a], static: {b: a}}}\n",
     "site.yaml:3:41: cannot use the key 'b' in bridges.x.static: it is not a MAC address; write "
     "six "
     "pairs of digits: 02:00:00:00:00:01"},
    {"more static addresses than the limit",
     "version: 1\ninterfaces: {a: }\nbridges: {x: {interfaces: [a], mac_limit: 1, static: "
     "{02-00-00-00-00-0a: a, 02-00-00-00-00-0b: a}}}\n",
     "site.yaml:3:11: cannot use bridge 'x': it has 2 static addresses and a mac_limit of 1; raise "
     "mac_limit"},
    {"api without port", "version: 1\napi: {listen: 127.0.0.1}\n",
     "site.yaml:2:15: cannot use api.listen: '127.0.0.1' is not of that form; write an address and "
     "a "
     "port, such as 127.0.0.1:30088"},
    {"api without listen", "version: 1\napi:\n",
     "site.yaml:2:1: cannot use api: it has no key 'listen'; add 'listen:' with an address and a "
     "port, "
     "such as 127.0.0.1:30088"},
    {"syntax", "version: 1\ninterfaces: {a: {}\n",
     "site.yaml:2:13: cannot read the YAML: the '{' that opens here is not closed; write '}' where "
     "the "
     "map ends, and ',' between its keys"},
};

TEST(ConfigErrors, EachMistakeIsOneSentence) {
  for (const BadInput& input : kBadInputs) {
    EXPECT_EQ(errors_of(input.text), input.message) << input.name;
  }
}

TEST(ConfigErrors, AllMistakesAreReportedInTheOrderOfTheFile) {
  EXPECT_EQ(
      errors_of("verson: 1\nversion: 1\nbridges: {x: {interfaces: [a]}}\nmemory: {frames: 1}\n"),
      "site.yaml:1:1: cannot use the key 'verson': there is no such key; did you mean 'version'?\n"
      "site.yaml:3:28: cannot put interface 'a' into bridge 'x': there is no such interface; "
      "declare "
      "it under 'interfaces'\n"
      "site.yaml:4:18: cannot use memory.frames: 1 is out of range; write a whole number from 512 "
      "to "
      "4194304");
}

TEST(ConfigErrors, AValueWithAliasesIsWrongInEachOfItsPlaces) {
  EXPECT_EQ(
      errors_of("version: 1\ninterfaces: {a: {rings: &r {rx: 1}}, b: {rings: *r}}\n"),
      "site.yaml:2:33: cannot use interfaces.a.rings.rx: 1 is out of range; write a power of two "
      "from 64 to 32768\n"
      "site.yaml:2:33: cannot use interfaces.b.rings.rx: 1 is out of range; write a power of two "
      "from 64 to 32768");
}

TEST(ConfigErrors, NoMoreLinesThanOneCanRead) {
  std::string text = "version: 1\n";
  for (int i = 0; i < 100'000; ++i) text.append("k").append(std::to_string(i)).append(": 1\n");
  const std::string message = errors_of(text);
  EXPECT_EQ(static_cast<size_t>(std::count(message.begin(), message.end(), '\n')),
            kMaxReportedProblems);
  EXPECT_TRUE(message.ends_with(
      "\nsite.yaml: cannot list all that is wrong: there is more of it; mend these first"));
}

TEST(ConfigErrors, EveryKeyOfALaterVersionIsToldFromAMisspeltOne) {
  for (const std::string key :
       {"acls", "uplinks", "tunnels", "slas", "policies", "nat", "services"}) {
    EXPECT_EQ(errors_of("version: 1\n" + key + ": {}\n"),
              "site.yaml:2:1: cannot use the key '" + key +
                  "': it is not supported by this version of starocean; remove it");
  }
}

TEST(ConfigErrors, FilesThatCannotBeRead) {
  const auto missing = load_config("no/such/file.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(),
            "cannot read the configuration no/such/file.yaml: No such file or directory; check the "
            "path and who may read it");
  const auto folder = load_config("/");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message(),
            "cannot read the configuration /: Is a directory; write the path of a file");
  // Endless, and not text either.
  const auto endless = load_config("/dev/zero");
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().message(),
            "/dev/zero: cannot read the file: it is larger than 1048576 bytes; check that it is a "
            "starocean configuration");
}

}  // namespace
}  // namespace starocean::control
