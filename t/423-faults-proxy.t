# A proxy that is down.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Faults;
use Staple::Process qw(free_port);

Staple::Faults::show('proxy', lines => 'OCSPStapleProxy http://127.0.0.1:'
                                       . free_port() . "\n");
