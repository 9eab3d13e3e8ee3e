// belayctl: sees and steers a belayd. See README.md.
#include "tools/belayctl/cli.h"

int main(int argc, char** argv) { return belay::ctl::Main(argc, argv); }
