# millrace_split_debug_info(<program> ...)
#
# Moves the debug information of programs to <program>.debug beside them, where debuggers and
# profilers find it by the link that stays in the program. It is most of a program's size. Does
# nothing unless MILLRACE_SPLIT_DEBUG_INFO is on.
function(millrace_split_debug_info)
  if(NOT MILLRACE_SPLIT_DEBUG_INFO)
    return()
  endif()
  foreach(program IN LISTS ARGN)
    add_custom_command(TARGET ${program} POST_BUILD
      COMMAND ${CMAKE_OBJCOPY} --only-keep-debug $<TARGET_FILE:${program}>
              $<TARGET_FILE:${program}>.debug
      COMMAND ${CMAKE_OBJCOPY} --strip-debug --add-gnu-debuglink=$<TARGET_FILE:${program}>.debug
              $<TARGET_FILE:${program}>
      VERBATIM)
  endforeach()
endfunction()
