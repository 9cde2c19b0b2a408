"""Do rehearsed plans hold in the cloud, on seeds that calibrated nothing?"""
