# A proxy that is as wrong as a responder can be.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Faults;

Staple::Faults::show('proxies', proxy => 1);
