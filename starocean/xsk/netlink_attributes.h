// Internal: walking netlink attributes (libmnl's own macro does not survive -Wconversion). Never reads
// past the end, whatever the lengths in the message say.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <cstdint>

namespace starocean::xsk {

// Calls visit(type, attribute) for each attribute of a list that is `len` bytes long.
template <class Visit>
void each_attribute(const void* first, size_t len, Visit visit) {
  const auto* attribute = static_cast<const nlattr*>(first);
  const char* const end = static_cast<const char*>(first) + len;
  const auto left = [&] {
    return static_cast<int>(end - reinterpret_cast<const char*>(attribute));
  };
  for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute)) {
    visit(mnl_attr_get_type(attribute), attribute);
  }
}

// Those of a message, behind its family's header of `header_len` bytes. None in a message too short.
template <class Visit>
void each_attribute_of(const nlmsghdr* message, size_t header_len, Visit visit) {
  const size_t before = MNL_ALIGN(header_len);
  const size_t payload_len = mnl_nlmsg_get_payload_len(message);
  if (payload_len < before) return;
  each_attribute(mnl_nlmsg_get_payload_offset(message, header_len), payload_len - before, visit);
}

template <class Visit>
void each_nested(const nlattr* nest, Visit visit) {
  each_attribute(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), visit);
}

}  // namespace starocean::xsk
