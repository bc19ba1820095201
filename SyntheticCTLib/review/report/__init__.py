"""What a reading has shown: how well readers told real from synthetic, what gave the cases away, what to do now."""
