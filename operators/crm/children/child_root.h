#pragma once

#include <string_view>

#include "crm/model/version.h"
#include "redirect_generated.h"

namespace millrace::crm {

/// The root of a record that came under the redirect's id by a change of version `since`. Lives as
/// long as the redirect's buffer.
inline std::string_view root_since(const Redirect& redirect, VersionView since) {
  if (redirect.stays() != nullptr) {
    for (const Stay* stay : *redirect.stays()) {
      if (!is_before(since, view_of(*stay->from())) && is_before(since, view_of(*stay->until()))) {
        return stay->root()->string_view();
      }
    }
  }
  return redirect.root()->string_view();
}

}  // namespace millrace::crm
