# Responses that must be refused for who signed them, and how.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Faults;

Staple::Faults::show('signature', key => 'rsa');
