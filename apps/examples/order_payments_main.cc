#include "millrace/engine/run_main.h"

#include "examples/order_payments.h"

int main(int argc, char** argv) {
  return millrace::run_main(example::order_payments(), argc, argv);
}
