'use strict';

throw new RangeError('nothing there');
