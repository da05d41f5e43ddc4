# Responses that must be refused for what they say.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Faults;

Staple::Faults::show('response');
