"""What more than one service needs: words, chassis, store."""
