# Responders that speak HTTP, but not as they should.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Faults;

Staple::Faults::show('http');
