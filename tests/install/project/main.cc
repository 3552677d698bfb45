#include "millrace/engine/run_main.h"

#include "activity_summaries.h"

int main(int argc, char** argv) {
  return millrace::run_main(activity_summaries(), argc, argv);
}
