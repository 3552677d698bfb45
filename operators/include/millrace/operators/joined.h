#pragma once

#include <string>
#include <string_view>

#include "millrace/operators/detail/pair_codec.h"

namespace millrace {

/// Both sides of an inner join without a function.
template <class L, class R>
struct Joined {};

template <class L, class R>
struct Serde<Joined<L, R>> {
  struct View {
    ViewOf<L> left;
    ViewOf<R> right;
  };
  struct Owned {
    OwnedOf<L> left;
    OwnedOf<R> right;
  };
  static std::string_view name() {
    static const std::string name =
        "joined<" + std::string(type_info<L>().name) + "," + std::string(type_info<R>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    MILLRACE_RETURN_IF_ERROR(operators::validate_parts(bytes, &validate_as<L>, &validate_as<R>));
    const BytesPair pair = decode_pair(bytes);
    if (!pair.first.is_null() && !pair.second.is_null()) return {};
    return Error{ErrorCode::kInvalidRecord, "a side of the join is missing"};
  }
  static View view(Bytes bytes) {
    const BytesPair pair = decode_pair(bytes);
    return {view_of<L>(pair.first), view_of<R>(pair.second)};
  }
  static void encode(const Owned& value, std::string& out) {
    std::string left;
    std::string right;
    encode_as<L>(value.left, left);
    encode_as<R>(value.right, right);
    encode_pair({Bytes(left), Bytes(right)}, out);
  }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<L> && HasJson<R> {
    const BytesPair pair = decode_pair(bytes);
    out += R"({"left":)";
    MILLRACE_RETURN_IF_ERROR(Serde<L>::write_json(pair.first, out));
    out += R"(,"right":)";
    MILLRACE_RETURN_IF_ERROR(Serde<R>::write_json(pair.second, out));
    out += '}';
    return {};
  }
};

}  // namespace millrace
