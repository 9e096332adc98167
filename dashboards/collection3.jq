# SPDX-License-Identifier: MIT
# Definitions for collection3: the types that proctrace sends and that its own
# etc/collection.conf does not have. A type has one definition, for all plugins.
include "series";

def quoted: "\"\(.)\"";

def definition:
  "<Type \(.key)>\n"
  + "  RRDTitle \("{type} of {instance} on {hostname}" | quoted)\n"
  + "  RRDVerticalLabel \(.value[0] | quoted)\n"
  + "  RRDFormat \(.value[1] | quoted)\n</Type>\n";

# Every type is either collection3's own or ours.
def check($known):
  .collection3 as $has
  | ([$known | keys[] | split("-")[0]] | unique) as $types
  | ($types - $has.has - ($has.types | keys)) as $without
  | (($has.types | keys) - $types) as $unused
  | if $without + $unused != [] then
      error("collection3: no definition, or no such type: \($without + $unused)")
    else . end;

known($readme) as $known | check($known)
| "# SPDX-License-Identifier: MIT\n"
  + "# Made by dashboards/generate. Append this to collection3's etc/collection.conf.\n"
  + ([.collection3.types | to_entries[] | definition] | add)
