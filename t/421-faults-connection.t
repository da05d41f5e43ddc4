# Responders that refuse, break or hold up connections.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Faults;

Staple::Faults::show('connection');
