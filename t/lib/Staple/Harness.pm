package Staple::Harness;

# Test::Harness that keeps its counts in the file STAPLE_COUNTS: tests passed,
# failed and skipped; passed and skipped in files without a failure; and then
# the files with one, a line each.

use strict;
use warnings;

use parent 'TAP::Harness';

sub aggregate_tests {
    my ($self, $aggregate, @tests) = @_;
    my $result = $self->SUPER::aggregate_tests($aggregate, @tests);
    my %sum = map { $_ => 0 } qw(passed failed skipped good good_skipped);
    my @bad;

    for my $name ($aggregate->descriptions) {
        my ($parser) = $aggregate->parsers($name);
        my $wrong = $parser->failed;
        my $skipped = $parser->skip_all ? 1 : $parser->skipped;
        my $passed = $parser->passed - $parser->skipped;

        # No plan kept, or a bad end without a failed test: one failure.
        $wrong ||= 1 if $parser->parse_errors || $parser->exit
                        || $parser->wait;
        $sum{failed} += $wrong;
        $sum{skipped} += $skipped;
        $sum{passed} += $passed;
        if ($wrong) {
            push @bad, $name;
        }
        else {
            $sum{good} += $passed;
            $sum{good_skipped} += $skipped;
        }
    }
    if (my $path = $ENV{STAPLE_COUNTS}) {
        open my $file, '>', $path or die "$path: $!\n";
        print {$file} "$sum{passed} $sum{failed} $sum{skipped}\n",
            "$sum{good} $sum{good_skipped}\n", map { "$_\n" } @bad;
        close $file or die "$path: $!\n";
    }
    return $result;
}

1;
